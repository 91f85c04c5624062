//! What a booster must get right, whatever its trees look like.

use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Normal, Poisson};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn numbers(rows: usize, seed: u64) -> Vec<f32> {
    let mut g = rng(seed);
    (0..rows).map(|_| g.random::<f32>()).collect()
}

fn fit(columns: Vec<Column>, target: &[f32], loss: Loss, settings: &Settings) -> Vec<f32> {
    let table = Table::new(columns).unwrap();
    let sample = Sample { target, ..Sample::default() };
    let booster = Booster::fit(&table, &sample, loss, settings, &mut rng(1)).unwrap();
    booster.predict(&table).unwrap()
}

fn mean_square(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / a.len() as f32
}

fn quick() -> Settings {
    Settings { trees: 100, learning_rate: 0.1, ..Settings::default() }
}

#[test]
fn a_step_without_noise_is_learnt() {
    let x: Vec<f32> = numbers(2000, 3).iter().map(|x| (100.0 * x).round() / 100.0).collect();
    let target: Vec<f32> = x.iter().map(|&x| if x > 0.4 { 5.0 } else { 1.0 }).collect();
    let scores = fit(vec![Column::Number(&x)], &target, Loss::Squared, &quick());
    assert!(mean_square(&scores, &target) < 1e-3, "{}", mean_square(&scores, &target));
}

#[test]
fn poisson_scores_give_the_rates_beyond_the_exposure() {
    let x = numbers(20_000, 4);
    let mut g = rng(5);
    let exposure: Vec<f32> = numbers(20_000, 6).iter().map(|u| 0.2 + u).collect();
    let rate = |x: f32| if x > 0.5 { 6.0 } else { 1.5 };
    let target: Vec<f32> =
        x.iter().zip(&exposure).map(|(&x, e)| Poisson::new(e * rate(x)).unwrap().sample(&mut g)).collect();
    let offset: Vec<f32> = exposure.iter().map(|e| e.ln()).collect();
    let table = Table::new(vec![Column::Number(&x)]).unwrap();
    let sample = Sample { target: &target, offset: Some(&offset), ..Sample::default() };
    let settings = Settings { leaves: 4, ..quick() };
    for loss in [Loss::Poisson, Loss::Tweedie(1.2)] {
        let scores = Booster::fit(&table, &sample, loss, &settings, &mut rng(7)).unwrap().predict(&table).unwrap();
        for high in [false, true] {
            let of: Vec<usize> = (0..x.len()).filter(|&row| (x[row] > 0.5) == high).collect();
            let mean = of.iter().map(|&row| loss.mean(scores[row])).sum::<f32>() / of.len() as f32;
            let truth = if high { 6.0 } else { 1.5 };
            assert!((mean / truth - 1.0).abs() < 0.03, "{loss:?}: {mean} for {truth}");
        }
    }
}

#[test]
fn quantiles_cover_their_share_where_the_spread_varies() {
    let x = numbers(20_000, 8);
    let mut g = rng(9);
    let noise = Normal::new(0.0f32, 1.0).unwrap();
    let target: Vec<f32> = x.iter().map(|x| (1.0 + 4.0 * x) * noise.sample(&mut g)).collect();
    for level in [0.1, 0.5, 0.9] {
        let settings = Settings { rows_min: 200, leaves: 8, ..quick() };
        let scores = fit(vec![Column::Number(&x)], &target, Loss::Pinball(level), &settings);
        for low in [0.0, 0.75] {
            let of: Vec<usize> = (0..x.len()).filter(|&row| x[row] >= low && x[row] < low + 0.25).collect();
            let under = of.iter().filter(|&&row| target[row] <= scores[row]).count() as f32 / of.len() as f32;
            assert!((under - level).abs() < 0.03, "level {level}, from {low}: {under}");
        }
    }
}

#[test]
fn weight_counts_as_so_many_rows() {
    let x = numbers(400, 10);
    let target: Vec<f32> = x.iter().map(|x| (9.0 * x).sin()).collect();
    let weight: Vec<f32> = (0..400).map(|at| (at % 3) as f32).collect();
    let repeated: Vec<usize> = (0..400).flat_map(|at| std::iter::repeat_n(at, at % 3)).collect();
    let pick = |values: &[f32]| -> Vec<f32> { repeated.iter().map(|&at| values[at]).collect() };
    let (x2, target2) = (pick(&x), pick(&target));
    let settings = Settings { rows_min: 1, curvature_min: 10.0, ..quick() };
    let (once, again) = (Table::new(vec![Column::Number(&x)]).unwrap(), Table::new(vec![Column::Number(&x2)]).unwrap());
    let weighted = Sample { target: &target, weight: Some(&weight), ..Sample::default() };
    let plain = Sample { target: &target2, ..Sample::default() };
    let a = Booster::fit(&once, &weighted, Loss::Squared, &settings, &mut rng(1)).unwrap().predict(&again).unwrap();
    let b = Booster::fit(&again, &plain, Loss::Squared, &settings, &mut rng(1)).unwrap().predict(&again).unwrap();
    assert!(mean_square(&a, &b) < 1e-3, "{}", mean_square(&a, &b));
}

#[test]
fn categories_are_told_apart_without_an_order() {
    let mut g = rng(11);
    let codes: Vec<u32> = (0..5000).map(|_| g.random_range(0..40u32) * 977).collect();
    let target: Vec<f32> = codes.iter().map(|code| ((code / 977) % 2) as f32).collect();
    let settings = Settings { trees: 60, leaves: 2, ..quick() };
    let scores = fit(vec![Column::Category(&codes)], &target, Loss::Squared, &settings);
    assert!(mean_square(&scores, &target) < 1e-2, "{}", mean_square(&scores, &target));
}

#[test]
fn what_is_missing_may_differ_from_all_that_is_known() {
    let mut x = numbers(3000, 12);
    x.iter_mut().step_by(3).for_each(|x| *x = f32::NAN);
    let target: Vec<f32> = x.iter().map(|x| if x.is_nan() { 4.0 } else { -1.0 }).collect();
    let scores = fit(vec![Column::Number(&x)], &target, Loss::Squared, &quick());
    assert!(mean_square(&scores, &target) < 1e-3);
}

#[test]
fn columns_that_say_nothing_leave_the_mean() {
    let (constant, missing) = (vec![2.0; 100], vec![f32::NAN; 100]);
    let unknown = vec![MISSING_CATEGORY; 100];
    let target: Vec<f32> = (0..100).map(|at| (at % 2) as f32).collect();
    let columns = vec![Column::Number(&constant), Column::Number(&missing), Column::Category(&unknown)];
    let scores = fit(columns, &target, Loss::Squared, &quick());
    assert!(scores.iter().all(|score| (score - 0.5).abs() < 1e-6));
}

#[test]
fn learning_stops_when_held_out_rows_gain_no_more() {
    let x = numbers(2000, 13);
    let mut g = rng(14);
    let noise = Normal::new(0.0f32, 1.0).unwrap();
    let target: Vec<f32> = x.iter().map(|x| x + noise.sample(&mut g)).collect();
    let table = Table::new(vec![Column::Number(&x)]).unwrap();
    let held_out: Vec<u32> = (0..2000).step_by(4).collect();
    let sample = Sample { target: &target, held_out: Some(&held_out), ..Sample::default() };
    let settings = Settings { trees: 500, patience: Some(10), ..quick() };
    let booster = Booster::fit(&table, &sample, Loss::Squared, &settings, &mut rng(1)).unwrap();
    assert!(booster.trees() > 0 && booster.trees() < 100, "{}", booster.trees());
}

#[test]
fn a_booster_is_the_same_bytes_at_any_number_of_threads_and_after_reading_back() {
    let columns: Vec<Vec<f32>> = (0..6).map(|at| numbers(80_000, 20 + at)).collect();
    let mut g = rng(30);
    let target: Vec<f32> = (0..80_000)
        .map(|row| Poisson::new(1.0 + 9.0 * columns[0][row] * columns[1][row]).unwrap().sample(&mut g))
        .collect();
    let table = Table::new(columns.iter().map(|column| Column::Number(column)).collect()).unwrap();
    let sample = Sample { target: &target, ..Sample::default() };
    let settings = Settings { trees: 10, row_share: 0.8, column_share: 0.7, ..quick() };
    let written = |threads: usize, loss: Loss| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let booster = pool.install(|| Booster::fit(&table, &sample, loss, &settings, &mut rng(2)).unwrap());
        serde_json::to_string(&booster).unwrap()
    };
    for loss in [Loss::Squared, Loss::Poisson, Loss::Pinball(0.9)] {
        let one = written(1, loss);
        assert_eq!(one, written(2, loss));
        assert_eq!(one, written(3, loss));
        let read: Booster = serde_json::from_str(&one).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), one);
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let x = [1.0, 2.0, 3.0];
    let refuse = |target: &[f32], weight: Option<&[f32]>, loss: Loss, settings: &Settings| {
        let table = Table::new(vec![Column::Number(&x)]).unwrap();
        let sample = Sample { target, weight, ..Sample::default() };
        Booster::fit(&table, &sample, loss, settings, &mut rng(1)).unwrap_err().to_string()
    };
    let usual = Settings::default();
    let expect = |message: String, words: &str| assert!(message.contains(words), "{message}");
    expect(refuse(&[1.0, f32::NAN, 0.0], None, Loss::Squared, &usual), "target, row 1");
    expect(refuse(&[1.0, -1.0, 0.0], None, Loss::Poisson, &usual), "0 or more");
    expect(refuse(&[1.0, 2.0], None, Loss::Squared, &usual), "2 values");
    expect(refuse(&[1.0; 3], Some(&[0.0; 3]), Loss::Squared, &usual), "no row");
    expect(refuse(&[1.0; 3], Some(&[1.0, f32::INFINITY, 1.0]), Loss::Squared, &usual), "weight, row 1");
    expect(refuse(&[1.0; 3], None, Loss::Pinball(1.0), &usual), "pinball");
    expect(refuse(&[1.0; 3], None, Loss::Squared, &Settings { learning_rate: 0.0, ..usual.clone() }), "learning_rate");
    expect(refuse(&[1.0; 3], None, Loss::Squared, &Settings { bins: 256, ..usual.clone() }), "bins");
    assert!(matches!(Table::new(vec![]), Err(BoosterError::Empty { .. })));
    assert!(matches!(Table::new(vec![Column::Number(&[])]), Err(BoosterError::Empty { .. })));
    expect(Table::new(vec![Column::Number(&[0.0, f32::INFINITY])]).unwrap_err().to_string(), "column 0, row 1");
    let table = Table::new(vec![Column::Number(&x)]).unwrap();
    let sample = Sample { target: &x, ..Sample::default() };
    let booster = Booster::fit(&table, &sample, Loss::Squared, &usual, &mut rng(1)).unwrap();
    let other = Table::new(vec![Column::Category(&[1])]).unwrap();
    assert!(matches!(booster.predict(&other), Err(BoosterError::Columns { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_table_gives_finite_scores(
        rows in prop::collection::vec((prop::option::of(-1e6f32..1e6), 0u32..9, 0.0f32..1e5, 0.0f32..3.0), 1..120),
        leaves in 2usize..40,
        row_share in 0.3f64..1.0,
    ) {
        let x: Vec<f32> = rows.iter().map(|row| row.0.unwrap_or(f32::NAN)).collect();
        let codes: Vec<u32> = rows.iter().map(|row| row.1).collect();
        let target: Vec<f32> = rows.iter().map(|row| row.2).collect();
        let weight: Vec<f32> = rows.iter().map(|row| row.3 + 0.01).collect();
        let table = Table::new(vec![Column::Number(&x), Column::Category(&codes)]).unwrap();
        let sample = Sample { target: &target, weight: Some(&weight), ..Sample::default() };
        let settings = Settings { trees: 5, leaves, rows_min: 1, row_share, ..Settings::default() };
        for loss in [Loss::Squared, Loss::Poisson, Loss::Tweedie(1.5), Loss::Pinball(0.3)] {
            let booster = Booster::fit(&table, &sample, loss, &settings, &mut rng(1)).unwrap();
            prop_assert!(booster.predict(&table).unwrap().iter().all(|score| score.is_finite()));
        }
    }
}
