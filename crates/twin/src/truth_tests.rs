use super::*;
use crate::spec::tests::{cell, terms, world_of};
use crate::{Habits, WorldSpec};
use endcap_model::Depth;

const PERIODS: usize = 120;

/// Three items of one group in two stores, 2,000 pieces a period each: drawn sales are near their expectation.
fn spec(habits: Habits) -> WorldSpec {
    let mut cells = Vec::new();
    for sku in ["a", "b", "c"] {
        for place in ["x", "y"] {
            let season = vec![1500.0, 1800.0, 2600.0, 2100.0, 2000.0, 1900.0, 2100.0];
            cells.push(crate::CellSpec { mean_demand: season, ..cell(sku, place) });
        }
    }
    let plain = world_of(cells, PERIODS);
    let terms = crate::WorldTerms { habits, ..plain.terms().clone() };
    WorldSpec::new(terms, plain.cells().to_vec()).unwrap()
}

fn habits() -> Habits {
    Habits { region_shock_sd: 0.0, dispersion: 1.0, ..Habits::default() }
}

/// Neither substitutes nor cupboards nor memories.
fn alone() -> (WorldSpec, TwinTerms) {
    let spec = spec(Habits { reference_weight: 0.0, ..habits() });
    (spec, TwinTerms { pull_forward_share: 0.0, substitution_share: 0.0, ..terms() })
}

fn price_only(depth: f64) -> PanelTerms {
    PanelTerms {
        depths: vec![Depth::from_share(depth).unwrap()],
        feature_share: 0.0,
        display_share: 0.0,
        display_alone_share: 0.0,
        ..PanelTerms::default()
    }
}

/// Mean units of an item's rows where the condition holds, over the season's mean.
fn mean(truth: &KnownTruth, spec: &WorldSpec, sku: u32, wanted: impl Fn(usize) -> bool) -> f64 {
    let c = truth.panel.columns();
    let rows: Vec<usize> = (0..truth.panel.len()).filter(|&row| c.sku[row] == sku && wanted(row)).collect();
    let season = |row: usize| spec.cells()[0].mean_demand[spec.slot_of(c.period[row])];
    rows.iter().map(|&row| c.units[row] / season(row)).sum::<f64>() / rows.len() as f64
}

#[test]
fn what_was_sold_agrees_with_the_key() {
    let (spec, terms) = alone();
    let truth = known_truth(&spec, &TwinTerms { shock_sd: 0.0, ..terms }, &price_only(0.2), 5).unwrap();
    let c = truth.panel.columns();
    for (sku, item) in truth.items.iter().enumerate() {
        let cut = mean(&truth, &spec, sku as u32, |row| c.price[row] < c.base_price[row]);
        let list = mean(&truth, &spec, sku as u32, |row| c.price[row] >= c.base_price[row]);
        let seen = (cut / list).ln() / 0.8f64.ln();
        assert!((seen - item.own_elasticity).abs() < 0.06, "{}: {seen}, key {}", item.sku, item.own_elasticity);
    }
}

#[test]
fn at_small_cuts_the_key_is_the_elasticity_at_list_price_and_beyond_them_the_law_saturates() {
    let (spec, terms) = alone();
    let small = known_truth(&spec, &terms, &price_only(0.002), 5).unwrap();
    let deep = known_truth(&spec, &terms, &price_only(0.5), 5).unwrap();
    for (small, deep) in small.items.iter().zip(&deep.items) {
        assert!((small.own_elasticity / small.elasticity_at_list - 1.0).abs() < 0.02, "{small:?}");
        assert!(deep.own_elasticity > small.own_elasticity, "{deep:?}");
    }
}

#[test]
fn an_event_without_substitutes_cupboards_or_memories_is_its_own_units_alone() {
    let (spec, terms) = alone();
    let truth = known_truth(&spec, &terms, &PanelTerms::default(), 3).unwrap();
    assert!(truth.events.len() > 20);
    for event in &truth.events {
        assert!(event.own_incremental > 0.0 && event.baseline_units > 0.0);
        assert!(event.cannibalised.abs() < 1e-9 && event.dip.abs() < 1e-9, "{event:?}");
        assert!((event.net_incremental - event.own_incremental).abs() < 1e-6 * event.own_incremental);
    }
}

#[test]
fn substitutes_and_cupboards_lessen_what_an_event_is_worth() {
    let spec = spec(Habits { reference_weight: 0.0, ..habits() });
    let truth = known_truth(&spec, &terms(), &price_only(0.3), 3).unwrap();
    let ended = |event: &&EventTruth| event.span.end.0 + 50 < spec.span().end.0;
    let events: Vec<&EventTruth> = truth.events.iter().filter(ended).collect();
    let sum = |of: fn(&EventTruth) -> f64| events.iter().map(|event| of(event)).sum::<f64>();
    let own = sum(|event| event.own_incremental);
    // 0.3 of the extra pieces come from substitutes, 0.2 of them from later periods.
    let (taken, later) = (-sum(|event| event.cannibalised) / own, -sum(|event| event.dip) / own);
    assert!((0.25..0.35).contains(&taken), "{taken}");
    assert!((0.15..0.25).contains(&later), "{later}");
    let net = sum(|event| event.net_incremental) / own;
    assert!((net - (1.0 - taken - later)).abs() < 0.05, "{net}");
    assert!(truth.cross.iter().all(|pair| pair.cross_elasticity > 0.0) && truth.cross.len() == 6);
}

#[test]
fn stock_that_runs_out_hides_demand_and_says_so() {
    let (spec, terms) = alone();
    let plenty = known_truth(&spec, &terms, &PanelTerms::default(), 3).unwrap();
    let scarce = PanelTerms { stock_cover: Some(1.1), ..PanelTerms::default() };
    let scarce = known_truth(&spec, &terms, &scarce, 3).unwrap();
    let (all, short) = (plenty.panel.columns(), scarce.panel.columns());
    for row in 0..plenty.panel.len() {
        let lost = all.units[row] - short.units[row];
        assert!(if short.stockout_share[row] > 0.0 { lost > 0.0 } else { lost == 0.0 });
    }
    assert_eq!(plenty.events, scarce.events, "the key is of demand, not of sales");
    assert!(short.stockout_share.iter().sum::<f64>() > 10.0 && all.stockout_share.iter().sum::<f64>() == 0.0);
}

#[test]
fn a_planner_who_knows_more_than_the_panel_promotes_when_demand_is_high() {
    let (spec, terms) = alone();
    let wanted = |panel: &PanelTerms| {
        let truth = known_truth(&spec, &terms, panel, 3).unwrap();
        let baselines = truth.events.iter().map(|event| event.baseline_units / event.stores as f64);
        baselines.sum::<f64>() / truth.events.len() as f64
    };
    let hidden = PanelTerms { follows_hidden_demand: 1.5, ..PanelTerms::default() };
    let season = PanelTerms { follows_season: 1.5, ..PanelTerms::default() };
    let random = wanted(&PanelTerms::default());
    assert!(wanted(&hidden) > 1.05 * random, "{} {random}", wanted(&hidden));
    assert!(wanted(&season) > 1.05 * random, "{} {random}", wanted(&season));
}

#[test]
fn promotions_come_as_often_as_asked_and_last_as_long() {
    let (spec, terms) = alone();
    let panel = PanelTerms { promoted_share: 0.3, periods: 3, compliance: 1.0, ..PanelTerms::default() };
    let truth = known_truth(&spec, &terms, &panel, 9).unwrap();
    let c = truth.panel.columns();
    let cut = (0..truth.panel.len()).filter(|&row| c.price[row] < c.base_price[row]).count();
    let share = cut as f64 / truth.panel.len() as f64;
    assert!((0.2..0.4).contains(&share), "{share}");
    assert!(truth.events.iter().all(|event| event.span.len() == 3 && event.stores == 2));
}

#[test]
fn terms_out_of_range_and_panels_too_large_are_refused_by_name() {
    let (spec, terms) = alone();
    let refused = |panel: PanelTerms| known_truth(&spec, &terms, &panel, 1).unwrap_err().to_string();
    assert!(refused(PanelTerms { compliance: 1.5, ..PanelTerms::default() }).contains("panel.compliance is 1.5"));
    assert!(refused(PanelTerms { depths: Vec::new(), ..PanelTerms::default() }).contains("panel.depths is 0"));
    assert!(refused(PanelTerms { stock_cover: Some(0.0), ..PanelTerms::default() }).contains("panel.stock_cover"));
}

#[test]
fn the_same_seed_gives_the_same_panel_and_key_and_another_seed_another() {
    let (spec, terms) = alone();
    let make = |seed| known_truth(&spec, &terms, &PanelTerms::default(), seed).unwrap();
    let (one, again, other) = (make(1), make(1), make(2));
    assert_eq!((one.panel.columns(), &one.events, &one.items), (again.panel.columns(), &again.events, &again.items));
    assert_ne!(one.panel.columns().units, other.panel.columns().units);
}
