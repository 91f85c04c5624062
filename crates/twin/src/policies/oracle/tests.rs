use super::*;
use crate::spec::tests::{cell, terms, world_of};
use crate::{CellSpec, Moment, Shock, ShockKind, WriteDown, compare};
use endcap_model::OpeningStock;

const SEED: u64 = 3;

/// Four items of one group in two places of one region, dear enough that most offers pay, some days more than others.
fn shop(periods: usize) -> WorldSpec {
    let cells = ["a", "b", "c", "d"].into_iter().flat_map(|sku| ["x", "y"].map(|place| cell(sku, place)));
    let cells = cells.zip([240, 240, 220, 220, 260, 260, 200, 200]);
    let mean_demand = vec![10.0, 11.0, 14.0, 13.0, 9.0, 12.0, 15.0];
    let priced =
        cells.map(|(cell, list_price)| CellSpec { list_price, mean_demand: mean_demand.clone(), ..cell }).collect();
    let spec = world_of(priced, periods);
    let mut terms = spec.terms().clone();
    terms.costs.vendor_funding_share = 0.7;
    terms.costs.write_down = Some(WriteDown { cover_periods: 1.0, rate: 0.4, after_periods: 0 });
    spec.under(terms)
}

fn supply() -> SupplyTerms {
    SupplyTerms {
        lead_time_periods: 2,
        review_periods: 1,
        opening_stock: OpeningStock { cover_periods: 2.0 },
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        holding_rate: 0.002,
        waste_rate: 0.0,
        shortage_rate: 0.0,
        transfer_cost: None,
        write_down: None,
    }
}

/// Runs a test on the greedy calendar and what local search makes of it, with the value of each.
fn both(limits: &OfferTerms, periods: usize, seed: u64, test: impl Fn((&Calendar, f64), (&Calendar, f64))) {
    let spec = shop(periods);
    let (terms, supply) = (TwinTerms { shock_sd: 0.0, elasticity_mean: -3.5, ..terms() }, supply());
    let oracle = Oracle::new("oracle", &spec, &terms, limits, &supply, 100.0);
    let pairs = oracle.pairs();
    let mut search = oracle.nothing(&spec, &terms, seed, &pairs);
    let candidates = oracle.candidates(&Shoppers::new(&spec, &terms, Draws::new(seed)), &pairs, &search.foresight);
    search.take_greedily(&candidates);
    let greedy = (search.calendar.clone(), search.value());
    search.improve(&candidates);
    test((&greedy.0, greedy.1), (&search.calendar, search.value()));
}

fn given_away(calendar: &Calendar) -> f64 {
    calendar.values().map(|offer| offer.given_away).sum()
}

#[test]
fn local_search_never_ends_below_greedy_and_keeps_every_limit() {
    let better = std::cell::Cell::new(0);
    for seed in 0..12 {
        let budget = (seed % 3 == 0).then_some(150.0);
        let limits = OfferTerms { slots: 2, spacing: 3, budget, ..OfferTerms::default() };
        both(&limits, 14, seed, |(_, greedy), (calendar, searched)| {
            assert!(searched >= greedy, "seed {seed}: {searched} < {greedy}");
            better.set(better.get() + i32::from(searched > greedy));
            assert!(!calendar.is_empty());
            assert!(given_away(calendar) <= budget.unwrap_or(f64::INFINITY) * 100.0);
            for at in 0..14 {
                assert!(calendar.range((at, 0)..(at + 1, 0)).count() <= 2, "two slots in {at}");
                for pair in 0..4 {
                    assert!((at..at + 3).filter(|&from| calendar.contains_key(&(from, pair))).count() <= 1);
                }
            }
        });
    }
    assert!(better.get() > 0, "greedy is not always as good");
}

#[test]
fn local_search_ends_near_the_best_of_all_calendars() {
    let limits =
        OfferTerms { slots: 1, spacing: 2, depths: vec![Depth::from_share(0.2).unwrap()], ..OfferTerms::default() };
    let (spec, supply) = (shop(6), supply());
    let terms = TwinTerms { shock_sd: 0.0, elasticity_mean: -3.5, ..terms() };
    let oracle = Oracle::new("oracle", &spec, &terms, &limits, &supply, 100.0);
    let pairs = oracle.pairs();
    let mut search = oracle.nothing(&spec, &terms, SEED, &pairs);
    let candidates = oracle.candidates(&Shoppers::new(&spec, &terms, Draws::new(SEED)), &pairs, &search.foresight);
    search.take_greedily(&candidates);
    search.improve(&candidates);
    // In each of periods 1 to 5 nothing runs or one of four items, none twice in a row.
    let mut best = 0.0f64;
    for number in 0..5usize.pow(5) {
        let chosen: Vec<usize> = (0..5).map(|at| number / 5usize.pow(at) % 5).collect();
        if chosen.windows(2).any(|pair| pair[0] == pair[1] && pair[0] < 4) {
            continue;
        }
        let runs = |candidate: &&Candidate| chosen[candidate.from - 1] == candidate.pair;
        let put: Vec<&Candidate> = candidates.iter().filter(runs).collect();
        let change = |put: &&Candidate| Change { pair: put.pair, from: put.from, depth: Some(put.depth) };
        let nothing = oracle.nothing(&spec, &terms, SEED, &pairs);
        let gain = nothing.foresight.gain(&put.iter().map(change).collect::<Vec<_>>());
        best = best.max(gain - put.iter().map(|put| put.cost).sum::<f64>());
    }
    let without = oracle.nothing(&spec, &terms, SEED, &pairs).value();
    let found = search.value() - without;
    assert!(found > 0.97 * best && found < best + 5.0, "{found} of {best}");
}

#[test]
fn what_a_change_is_said_to_gain_is_what_it_gains() {
    both(&OfferTerms { slots: 2, spacing: 3, ..OfferTerms::default() }, 14, SEED, |_, (calendar, searched)| {
        let (spec, supply) = (shop(14), supply());
        let terms = TwinTerms { shock_sd: 0.0, elasticity_mean: -3.5, ..terms() };
        let limits = OfferTerms::default();
        let oracle = Oracle::new("oracle", &spec, &terms, &limits, &supply, 100.0);
        let pairs = oracle.pairs();
        let nothing = oracle.nothing(&spec, &terms, SEED, &pairs);
        let put = calendar.values().map(|put| Change { pair: put.pair, from: put.from, depth: Some(put.depth) });
        let gain = nothing.foresight.gain(&put.collect::<Vec<_>>());
        let costs: f64 = calendar.values().map(|offer| offer.cost).sum();
        assert!((nothing.value() + gain - costs - searched).abs() < 10.0);
    });
}

#[test]
fn a_level_costs_least_where_a_piece_more_costs_what_it_saves() {
    let costs = Costs { short: 80.0, held: 0.5, lost: 0.0, written: 48.0 };
    for normal in [None, Some(0.0), Some(12.0)] {
        let exposure = Exposure { late: 0.05, cover: (30.0, 7.0), longer: (40.0, 8.0), life: None, normal };
        let level = costs.level(&exposure);
        let least = (0..800).map(|at| costs.of(&exposure, f64::from(at) / 10.0)).fold(f64::INFINITY, f64::min);
        assert!(costs.of(&exposure, level) <= least + 0.01, "{normal:?}: {level}");
    }
}

#[test]
fn who_sees_a_shock_come_earns_more_than_who_does_not() {
    let limits = OfferTerms { slots: 1, spacing: 3, ..OfferTerms::default() };
    let (calm, supply) = (shop(40), supply());
    let terms = TwinTerms { shock_sd: 0.0, elasticity_mean: -3.5, worlds: 6, seed: SEED, ..terms() };
    for (kind, size) in [(ShockKind::Demand, 2.0), (ShockKind::SupplyCut, 0.5), (ShockKind::RegimeBreak, 0.2)] {
        let shock = Shock {
            name: None,
            kind,
            size: Some(size),
            from: Moment::After(10),
            periods: Some(15),
            sku: None,
            group: None,
            place: None,
            region: None,
            standby: false,
        };
        let spec = calm.clone().with_shocks(vec![shock]).unwrap();
        let oracle = |name| Oracle::new(name, &calm, &terms, &limits, &supply, 100.0);
        let blind = || -> Box<dyn Policy> { Box::new(oracle("blind")) };
        let seeing = || -> Box<dyn Policy> { Box::new(oracle("seeing").that_sees_shocks()) };
        let outcomes = compare(&spec, &terms, &[&blind, &seeing], &|_, _| {}).unwrap();
        let profit = |name: &str| -> i64 {
            outcomes.iter().filter(|outcome| outcome.policy == name).map(|outcome| outcome.profit).sum()
        };
        assert!(profit("seeing") > profit("blind"), "{kind:?}: {} {}", profit("seeing"), profit("blind"));
    }
}
