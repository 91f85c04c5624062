//! The shipped scenarios run, and show what they are there to show.

use crate::{
    Adjustment, Measure, OrderingChoice, PolicyMaker, Trials, TwinScenario, World, WorldSpec, adjustments, kpis,
    shipped, try_all,
};
use endcap_model::{Outcome, TwinTerms};
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/scenarios"))
}

fn read(name: &str, worlds: usize, shocks: &[&str]) -> TwinScenario {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let mut scenario: TwinScenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    scenario.response.worlds = worlds;
    let shocks: Vec<String> = shocks.iter().map(|&name| name.to_owned()).collect();
    scenario.switch_on(&shocks).unwrap();
    scenario
}

fn tried(scenario: &TwinScenario) -> Trials {
    let spec = scenario.world(None).unwrap();
    with_makers(scenario, &spec, |makers| try_all(&spec, &scenario.response, makers, &|_, _| {}).unwrap())
}

fn with_makers<T>(scenario: &TwinScenario, spec: &WorldSpec, run: impl FnOnce(&[&PolicyMaker]) -> T) -> T {
    // Those that need Endcap are tried where it is.
    let makers: Vec<Box<PolicyMaker>> =
        scenario.policies.iter().filter_map(|choice| shipped(choice, scenario, spec, folder())).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    run(&makers)
}

fn mean(trials: &Trials, policy: &str, measure: Measure) -> f64 {
    let of = |outcome: &&Outcome| outcome.policy == policy;
    let values: Vec<f64> = trials.outcomes.iter().filter(of).filter_map(|outcome| measure.of(outcome)).collect();
    assert!(!values.is_empty(), "{policy} has no {}", measure.name());
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn every_shipped_scenario_makes_a_world_and_says_its_policies() {
    let mut found = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut scenario: TwinScenario =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let names: Vec<String> = scenario.shocks.iter().filter_map(|shock| shock.name.clone()).collect();
            scenario.switch_on(&names).unwrap();
            if !path.ends_with("pittarosso-season.toml") {
                let world = scenario.world(None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!(world.terms().shocks.len(), names.len(), "{}", path.display());
            }
            found += 1;
        }
    }
    assert!(found >= 7);
    assert!(read("grocery-year.toml", 1, &[]).switch_on(&["no such shock".to_owned()]).is_err());
}

#[test]
fn in_the_grocery_year_the_ceiling_lies_above_the_spreadsheet_in_every_world() {
    let scenario = read("grocery-year.toml", 6, &[]);
    let trials = tried(&scenario);
    let kpis = kpis(&trials.outcomes, "spreadsheet");
    let difference = |policy: &str, measure: Measure| {
        kpis.iter().find(|kpi| kpi.policy == policy && kpi.measure == measure).unwrap().difference.unwrap()
    };
    assert!(difference("oracle", Measure::Profit).lo95.unwrap() > 0.0);
    assert!(difference("oracle", Measure::StockoutRatePromoted).hi95.unwrap() < 0.0);
    assert!(difference("oracle", Measure::ForecastErrorPlace).hi95.unwrap() < 0.0);
    assert!(mean(&trials, "oracle", Measure::Profit) > mean(&trials, "no promotions", Measure::Profit));
    let item = mean(&trials, "oracle", Measure::ForecastErrorItem);
    assert!(
        item < mean(&trials, "oracle", Measure::ForecastErrorPlace),
        "sums are easier to forecast than their parts"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_any_number_of_threads() {
    let scenario = read("fresh-food.toml", 4, &["heat wave"]);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        serde_json::to_string(&pool.install(|| tried(&scenario).outcomes)).unwrap()
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn pittarosso_crisis_2_is_cured_by_transfers_and_not_by_price() {
    let trials = tried(&read("pittarosso-small.toml", 6, &[]));
    let of = |policy: &str, measure| mean(&trials, policy, measure);
    let (before, priced, moved) = ("no system", "markdowns only", "transfers and markdowns");
    // Published: 83 % of the season's pairs sold against at best 70 % before; revenue 7.5 % up; margin not below.
    assert!((0.65..0.78).contains(&of(before, Measure::SellThrough)), "{}", of(before, Measure::SellThrough));
    assert!(of(moved, Measure::SellThrough) >= 0.83, "{}", of(moved, Measure::SellThrough));
    assert!(of(moved, Measure::Revenue) >= 1.075 * of(before, Measure::Revenue));
    assert!(of(moved, Measure::Margin) >= of(before, Measure::Margin));
    assert!(of(priced, Measure::SellThrough) < of(moved, Measure::SellThrough) - 0.05);
    assert!(of(priced, Measure::Margin) < of(before, Measure::Margin), "price alone costs margin");
    assert!(of(moved, Measure::Fragmentation) < 0.6 * of(priced, Measure::Fragmentation));
}

#[test]
fn pittarosso_pairs_fall_from_ten_to_three_by_mid_season_and_what_is_left_is_broken() {
    let scenario = read("pittarosso-small.toml", 1, &[]);
    let spec = scenario.world(None).unwrap();
    let choice = scenario.policies.iter().find(|choice| choice.name() == "markdowns only").unwrap();
    let maker = shipped(choice, &scenario, &spec, folder()).unwrap();
    let mut policy = maker();
    let mut world = World::new(&spec, &scenario.response, 1);
    let opening = world.run_state().unwrap();
    assert!((opening.pieces_per_run - 10.0).abs() < 0.1 && opening.core_coverage > 0.95, "{opening:?}");
    for _ in 0..13 {
        let actions = policy.act(&world.observe());
        world.step(&actions).unwrap();
    }
    let middle = world.run_state().unwrap();
    assert!((2.5..4.0).contains(&middle.pieces_per_run), "{middle:?}");
    assert!(middle.core_coverage < 0.5 && middle.fragmentation > 0.6, "{middle:?}");
}

#[test]
fn pittarosso_crisis_3_stops_every_sale_at_once() {
    let calm = tried(&read("pittarosso-small.toml", 1, &[]));
    let stopped = tried(&read("pittarosso-small.toml", 1, &["all stores close"]));
    let policy = "transfers and markdowns";
    let (before, after) = (mean(&calm, policy, Measure::Sold), mean(&stopped, policy, Measure::Sold));
    assert!(after < 0.9 * before && after > 0.3 * before, "{after} of {before}");
    let scenario = read("pittarosso-small.toml", 1, &["all stores close"]);
    let spec = scenario.world(None).unwrap();
    let mut world = World::new(&spec, &scenario.response, 1);
    for _ in 0..14 {
        world.step(&crate::Actions::default()).unwrap();
    }
    assert!(
        world.observe().cells.iter().all(|cell| cell.sold.0 == 0),
        "week 14: nobody buys, outside all that was seen"
    );
}

/// 24 million item-place-periods: run with `--ignored`, in release.
#[test]
#[ignore = "full size: about three CPU seconds in release, minutes without"]
fn the_full_size_season_moves_a_hundred_thousand_pairs() {
    let trials = tried(&read("pittarosso-season.toml", 1, &[]));
    let moved = mean(&trials, "transfers and markdowns", Measure::Moved);
    assert!((50_000.0..300_000.0).contains(&moved), "{moved}");
    assert!(mean(&trials, "transfers and markdowns", Measure::SellThrough) >= 0.83);
    assert!(mean(&trials, "markdowns only", Measure::SellThrough) < 0.75);
}

#[test]
fn the_pages_plan_looks_better_by_its_own_formula_than_it_is() {
    let scenario = read("promo-planner.toml", 30, &[]);
    let page = scenario.page().unwrap().unwrap();
    let greedy = page.greedy();
    let figures = page.kpis(&greedy);
    assert_eq!(figures.sku_periods, greedy.len());
    assert!(figures.budget_used <= 2500.0 && figures.over_uniform.unwrap() > 0.0, "{figures:?}");
    assert!((0.149..0.5).contains(&figures.mean_depth) && (0.0..1.0).contains(&figures.cannibalised_share));
    for period in 0..4 {
        assert!(greedy.iter().filter(|offer| offer.period == period).count() <= 3, "the page is full");
    }
    let trials = tried(&scenario);
    let gain = mean(&trials, "page", Measure::Profit) - mean(&trials, "no promotions", Measure::Profit);
    assert!(gain < 100.0 * figures.incremental_margin, "the discount on units that would have sold anyway is not free");
}

#[test]
fn the_pages_figures_follow_its_formula() {
    let scenario = read("promo-planner.toml", 1, &[]);
    let page = scenario.page().unwrap().unwrap();
    let depth = endcap_model::Depth::from_share(0.3).unwrap();
    let figures = page.kpis(&[crate::PageOffer { item: 0, period: 0, depth }]);
    // By hand: base 620, lift 620 (3.6 x .3 - 2.2 x .09) = 546.84; margin .4 x 4.99 = 1.996, less .3 x 4.99 = .499 each;
    // other items' margins average .4 x (2.49 + 6.99 + 3.29 + 4.49 + 9.99) / 5 = 2.18, of which .2 is stolen.
    let lift = 620.0 * (3.6 * 0.3 - 2.2 * 0.09);
    assert!((figures.incremental_margin - lift * (1.996 - 1.497 - 0.2 * 2.18)).abs() < 1e-6, "{figures:?}");
    assert!((figures.budget_used - lift * 1.497).abs() < 1e-6);
    assert!((figures.cannibalised_share - 0.2 * 2.18 / (1.996 - 1.497)).abs() < 1e-9);
}

#[test]
fn a_supply_cut_is_answered_after_the_short_delivery_and_service_recovers() {
    let scenario = read("grocery-year.toml", 3, &["supplier cuts half"]);
    let spec = scenario.world(None).unwrap();
    let calm = spec.clone().with_shocks(Vec::new()).unwrap();
    let found = with_makers(&scenario, &spec, |makers| adjustments(&spec, &calm, &scenario.response, makers).unwrap());
    assert_eq!(found.len(), 9);
    for Adjustment { acts_after, serves_after, .. } in &found {
        assert_eq!(*acts_after, Some(2), "lead time of two weeks: that is when the short delivery shows");
        assert!(serves_after.is_some_and(|periods| (1..20).contains(&periods)), "{serves_after:?}");
    }
    let none = with_makers(&scenario, &calm, |makers| {
        adjustments(&calm, &calm, &TwinTerms { worlds: 1, ..scenario.response.clone() }, makers)
    });
    assert!(none.unwrap_err().to_string().contains("switched on"));
}

#[test]
fn a_policy_that_needs_endcap_is_not_shipped_here() {
    let scenario = read("grocery-year.toml", 1, &[]);
    let spec = scenario.world(None).unwrap();
    let needs = crate::PolicyChoice::None { name: "planned".into(), ordering: OrderingChoice::OrderUpTo };
    assert!(shipped(&needs, &scenario, &spec, folder()).is_none());
}

#[test]
fn somebody_elses_policy_runs_as_a_process() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: python3 is not there to run the example policy");
        return;
    }
    let trials = tried(&read("their-policy.toml", 2, &[]));
    assert_eq!(trials.faults, []);
    assert!(mean(&trials, "theirs", Measure::Sold) > 0.8 * mean(&trials, "spreadsheet", Measure::Sold));
    assert!(mean(&trials, "theirs", Measure::SoldPromoted) > 0.0);
    assert!(mean(&trials, "theirs", Measure::ForecastErrorPlace) > 0.0);
}
