//! Random pools and rules: the plan is the best of all that an independent reading of the scenario allows.

use super::Shop;
use super::small::{Tried, best, small};
use crate::*;
use endcap_model::*;
use proptest::prelude::*;

const SKUS: [&str; 3] = ["butter", "cream", "bread"];

fn which() -> impl Strategy<Value = Which> {
    let names = proptest::sample::subsequence(&SKUS[..], 1..=3);
    names.prop_map(|names| Which { skus: names.into_iter().map(Sku::new).collect(), ..Which::default() })
}

fn stretch() -> impl Strategy<Value = Stretch> {
    (100..103i32, 0..2i32).prop_map(|(from, more)| Stretch { from: from.to_string(), to: (from + more).to_string() })
}

fn pool() -> impl Strategy<Value = Pool> {
    let counts = prop_oneof![
        (Just(Counts::Spend), 0..400u32, 0..200u32),
        (Just(Counts::Funding), 0..100u32, 0..40u32),
        (Just(Counts::Offers), 0..6u32, 0..3u32),
        (Just(Counts::Pieces), 0..500u32, 0..200u32),
        (Just(Counts::ExtraPieces), 0..300u32, 0..100u32),
        (Just(Counts::OrderCost), 0..1500u32, 0..500u32),
    ];
    let most = |(counts, most, least): (Counts, u32, u32), capped: bool| {
        let least = f64::from(if capped { least.min(most) } else { least });
        (counts, capped.then_some(f64::from(most)), least)
    };
    (which(), counts, any::<bool>(), any::<bool>(), proptest::option::of(stretch()), prop::bool::weighted(0.3))
        .prop_map(move |(items, counts, capped, per_period, within, floored)| {
            let (counts, most, least) = most(counts, capped);
            let least = if floored { least } else { 0.0 };
            Pool { name: "pool".into(), items, counts, most, least, per_period, per_region: true, within }
        })
}

fn rule() -> impl Strategy<Value = CalendarRule> {
    let window = (1..=3usize, 0..=2usize).prop_map(|(periods, most)| WindowRule { periods, most });
    let parts = (
        proptest::option::of(1..=3usize),
        proptest::collection::vec(window, 0..2),
        proptest::option::of(1..=3usize),
        proptest::option::of(0..=2usize),
        proptest::collection::vec(stretch(), 0..2),
    );
    (which(), parts).prop_map(|(items, (spacing, windows, run_min, rest, blackouts))| CalendarRule {
        items,
        spacing,
        windows,
        run_min,
        rest,
        blackouts,
    })
}

fn inside(stretch: &Stretch, period: usize) -> bool {
    let period = 100 + period as i32;
    stretch.from.parse::<i32>().unwrap() <= period && period <= stretch.to.parse::<i32>().unwrap()
}

fn keeps_pool(shop: &Shop, pool: &Pool, plan: &[Tried]) -> bool {
    let minor = if matches!(pool.counts, Counts::Spend | Counts::Funding | Counts::OrderCost) { 100.0 } else { 1.0 };
    let counted = |tried: &Tried| match pool.counts {
        Counts::Spend => tried.choice.worth.budget,
        Counts::Funding => tried.choice.worth.pnl.vendor_funding,
        Counts::Offers => 1,
        Counts::Pieces => tried.choice.worth.promoted_units.ceil() as i64,
        Counts::ExtraPieces => tried.choice.worth.extra,
        Counts::OrderCost => tried.choice.worth.extra * shop.items[&tried.list.sku].unit_cost,
    };
    let periods: Vec<usize> = (0..3).filter(|&at| pool.within.as_ref().is_none_or(|s| inside(s, at))).collect();
    let sums = periods.iter().map(|period| {
        let there = plan.iter().filter(|tried| pool.items.skus.contains(&tried.list.sku));
        there.filter(|tried| tried.choice.period == *period).map(counted).sum::<i64>()
    });
    let sums: Vec<i64> = sums.collect();
    let (least, most) = ((pool.least * minor) as i64, pool.most.map(|most| (most * minor) as i64));
    let fits = |sum: i64| least <= sum && most.is_none_or(|most| sum <= most);
    if pool.per_period { sums.into_iter().all(fits) } else { fits(sums.into_iter().sum()) }
}

fn keeps_rule(rule: &CalendarRule, plan: &[Tried]) -> bool {
    rule.items.skus.iter().all(|sku| {
        let on: Vec<bool> = (0..3).map(|at| plan.iter().any(|t| t.list.sku == *sku && t.choice.period == at)).collect();
        let most = |periods: usize, most: usize| {
            on.windows(periods.min(3)).all(|window| window.iter().filter(|&&on| on).count() <= most)
        };
        let runs: Vec<(usize, usize, bool)> = on
            .chunk_by(|a, b| a == b)
            .scan(0, |at, run| {
                *at += run.len();
                Some((*at - run.len(), *at, run[0]))
            })
            .collect();
        let long = runs.iter().all(|&(from, to, on)| !on || to == 3 || to - from >= rule.run_min.unwrap_or(1));
        let pauses = runs.iter().filter(|&&(from, to, on)| !on && from > 0 && to < 3);
        let rested = pauses.into_iter().all(|&(from, to, _)| to - from >= rule.rest.unwrap_or(0));
        let light = (0..3).all(|at| !on[at] || !rule.blackouts.iter().any(|stretch| inside(stretch, at)));
        most(rule.spacing.unwrap_or(1), 1)
            && rule.windows.iter().all(|w| most(w.periods, w.most))
            && long
            && rested
            && light
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pools_and_rules_are_kept_and_cost_no_more_than_they_must(
        pools in proptest::collection::vec(pool(), 0..3),
        rules in proptest::collection::vec(rule(), 0..3),
        together in proptest::option::of(which()),
        slots in 1..4usize,
    ) {
        let mut shop = small();
        shop.scenario.limits.slots = slots;
        shop.scenario.limits.pools = pools.clone();
        shop.scenario.limits.rules = rules.clone();
        shop.scenario.limits.together = together.iter().map(|items| Together { items: items.clone() }).collect();
        let joint = |plan: &[Tried]| together.as_ref().is_none_or(|set| {
            let of = |sku: &Sku| -> Vec<(usize, Depth)> {
                plan.iter().filter(|t| t.list.sku == *sku).map(|t| (t.choice.period, t.choice.depth)).collect()
            };
            set.skus.windows(2).all(|two| of(&two[0]) == of(&two[1]))
        });
        // Items that run together keep each other's calendar rules, which follows from running at the same time.
        let best = best(&shop, &Goal::default(), &|plan| {
            pools.iter().all(|pool| keeps_pool(&shop, pool, plan)) && rules.iter().all(|rule| keeps_rule(rule, plan)) && joint(plan)
        });
        let exact = solve::Settings { gap: 0.0, ..solve::Settings::default() };
        match propose(&shop.input(), &exact).unwrap() {
            Proposed::Plan(proposal) => {
                prop_assert_eq!((proposal.report.value, proposal.report.bound), (best, best));
                for (name, value) in &proposal.report.references {
                    let free = pools.iter().all(|pool| pool.least == 0.0);
                    prop_assert!(!free || *value <= best, "{} earns {}, the best is {}", name, value, best);
                }
            }
            Proposed::Infeasible { conflict } => prop_assert_eq!(best, i64::MIN, "{:?}", conflict),
        }
    }
}
