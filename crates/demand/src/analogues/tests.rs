use super::*;
use endcap_model::Period;
use proptest::prelude::*;

fn numbers(found: &[Analogue]) -> Vec<(Sku, Place, Span, String)> {
    found
        .iter()
        .map(|one| {
            let context = &one.case.context;
            (context.sku.clone(), context.region.clone(), one.case.span, format!("{:.6}", one.distance))
        })
        .collect()
}

#[test]
fn the_nearest_are_those_that_a_look_at_every_case_finds() {
    let made = generated(6_000, 3);
    let asked: Vec<Context> = generated(300, 9).into_iter().map(|case| case.context).collect();
    let analogues = Analogues::of(made);
    let mut told_apart = 0;
    for (at, context) in asked.iter().enumerate() {
        let wanted = [1, 10, 40][at % 3];
        let (quick, slow) = (analogues.nearest(context, wanted), analogues.nearest_of_all(context, wanted));
        assert_eq!(quick.len(), wanted);
        assert_eq!(numbers(&quick), numbers(&slow), "{context:?}");
        told_apart += usize::from(slow.windows(2).any(|pair| pair[0].distance == pair[1].distance));
    }
    assert!(told_apart > 10, "cases that are equally far have to occur: {told_apart}");
}

#[test]
fn order_of_the_cases_and_threads_change_nothing() {
    let made = generated(30_000, 5);
    let asked: Vec<Context> = generated(50, 6).into_iter().map(|case| case.context).collect();
    let mut turned = made.clone();
    turned.reverse();
    let told = |cases: Vec<PastCase>, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let analogues = Analogues::of(cases);
            asked.iter().map(|context| numbers(&analogues.nearest(context, 10))).collect::<Vec<_>>()
        })
    };
    assert_eq!(told(made, 1), told(turned, 3));
}

fn case(sku: &str, category: &str, depth: f64, start: i32) -> PastCase {
    let context = Context {
        sku: sku.into(),
        category: category.into(),
        region: "north".into(),
        mechanic: Mechanic::Tpr,
        depth: Depth::from_share(depth).unwrap(),
        feature: 0.0,
        display: 0.0,
        season: None,
        price_tier: None,
        short_before: 0.0,
        days: 7,
    };
    let split = Split { units: 10.0 * depth, lo95: 0.0, hi95: 20.0 };
    let outcome = CaseOutcome {
        baseline: 10.0,
        uplift: Some(depth),
        net: split,
        profit: Some(Split { units: depth - 0.2, lo95: -1.0, hi95: 1.0 }),
        usual_sales: 1.0,
        stockout_share: 0.0,
        lost: 0.0,
    };
    PastCase { context, span: Span::of_length(Period(start), 1), places: 1, outcome }
}

#[test]
fn the_item_itself_comes_first_then_its_category_then_others() {
    let cases =
        vec![case("a", "tea", 0.3, 1), case("b", "tea", 0.2, 2), case("c", "soap", 0.2, 3), case("a", "tea", 0.2, 4)];
    let analogues = Analogues::of(cases);
    let asked = case("a", "tea", 0.2, 9).context;
    let told: Vec<(String, i32)> = analogues
        .nearest(&asked, 9)
        .iter()
        .map(|one| (one.case.context.sku.to_string(), one.case.span.start.0))
        .collect();
    assert_eq!(told, [("a".into(), 4), ("b".into(), 2), ("a".into(), 1), ("c".into(), 3)]);
    assert!(analogues.nearest(&asked, 0).is_empty());
    assert!(Analogues::of(vec![]).nearest(&asked, 3).is_empty());
}

#[test]
fn the_spread_is_told_in_shares_and_counts_who_gained() {
    let analogues = Analogues::of([0.1, 0.2, 0.3, 0.4, 0.5].map(|depth| case("a", "tea", depth, 1)).into());
    let found = analogues.nearest(&case("new", "tea", 0.3, 9).context, 10);
    let spread = Spread::of(&found);
    let uplift = spread.uplift.unwrap();
    assert_eq!((uplift.cases, uplift.least, uplift.lower, uplift.middle, uplift.most), (5, 0.1, 0.2, 0.3, 0.5));
    assert_eq!((spread.gained, spread.costed, spread.ran_short), (3, 5, 0));
    assert_eq!(Spread::of(&[]).uplift, None);
}

proptest! {
    #[test]
    fn what_is_found_is_exact_for_any_few_cases(seed in 0_u64..10_000, cases in 1_usize..400, wanted in 0_usize..30) {
        let analogues = Analogues::of(generated(cases, seed));
        let asked = &generated(1, seed ^ 77)[0].context;
        prop_assert_eq!(numbers(&analogues.nearest(asked, wanted)), numbers(&analogues.nearest_of_all(asked, wanted)));
    }
}
