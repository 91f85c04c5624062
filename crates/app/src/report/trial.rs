//! The page on policies that were tried in simulated worlds: figures of the twin laid out, none worked out.

use super::data::currency;
use endcap_twin::{Coverage, Film, Kpi, Measure, Told, Trials, TwinScenario, WorldSpec, fans, kpis};
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Items in the calendar, those with most offers and most missed.
const ITEMS_SHOWN: usize = 40;
/// Styles and stores in the size map, spread evenly over all.
const RUNS_SHOWN: usize = 60;

/// What the page is made from.
pub struct TrialPage<'a> {
    /// The scenario.
    pub scenario: &'a TwinScenario,
    /// Its world.
    pub spec: &'a WorldSpec,
    /// What came of it.
    pub trials: &'a Trials,
    /// What policies told.
    pub told: &'a [Told],
}

/// Lays the page's data out.
pub(super) fn of(page: &TrialPage) -> Value {
    let (scenario, spec, trials) = (page.scenario, page.spec, page.trials);
    let policies: Vec<&str> = trials.films.iter().map(|film| film.policy.as_str()).collect();
    let against = |reference: &&str| {
        let all = kpis(&trials.outcomes, reference);
        let of = |policy: &&str| all.iter().filter(|kpi| kpi.policy == **policy).map(figure).collect::<Vec<_>>();
        json!({"reference": reference, "policies": policies.iter().map(of).collect::<Vec<_>>()})
    };
    let named = |measure: &Measure| {
        let unit = match measure {
            _ if measure.is_money() => "money",
            _ if measure.is_share() => "share",
            _ => "number",
        };
        json!({"name": measure.name(), "unit": unit, "better": measure.better()})
    };
    json!({
        "scenario": scenario.name,
        "currency": currency(scenario.currency),
        "reference": policies.iter().position(|policy| *policy == scenario.reference()).unwrap_or(0),
        "worlds": scenario.response.worlds,
        "seed": scenario.response.seed,
        "cells": spec.cells().len(),
        "periods": {
            "calendar": spec.calendar(),
            "first": 0,
            "labels": spec.span().iter().map(|period| spec.calendar().format(period)).collect::<Vec<_>>(),
        },
        "policies": policies,
        "measures": Measure::ALL.iter().map(named).collect::<Vec<_>>(),
        "against": policies.iter().map(against).collect::<Vec<_>>(),
        "fans": fans(&trials.courses),
        "films": trials.films.iter().map(film).collect::<Vec<_>>(),
        "told": page.told,
        "faults": trials.faults,
    })
}

fn figure(kpi: &Kpi) -> Value {
    json!({"measure": kpi.measure.name(), "level": kpi.level, "difference": kpi.difference})
}

fn film(film: &Film) -> Value {
    let weight = |item: &usize| {
        let offers = film.depth[*item].iter().filter(|depth| **depth > 0.0).count();
        let missed: f32 = film.missed[*item].iter().sum();
        (Reverse(offers), Reverse((missed * 1000.0) as i64), *item)
    };
    let mut shown: Vec<usize> = (0..film.items.len()).collect();
    shown.sort_by_key(weight);
    shown.truncate(ITEMS_SHOWN);
    shown.sort_unstable();
    let row = |&item: &usize| {
        let short = |values: &[f32]| values.iter().map(|value| (value * 1000.0).round() / 1000.0).collect::<Vec<f32>>();
        json!({"item": film.items[item], "depth": short(&film.depth[item]), "missed": short(&film.missed[item])})
    };
    json!({
        "rows": shown.iter().map(row).collect::<Vec<_>>(),
        "left_out": film.items.len() - shown.len(),
        "coverage": film.coverage.as_ref().map(|coverage| map(film, coverage)),
    })
}

/// Rows and columns of the size map, as many as can be seen.
fn map(film: &Film, coverage: &Coverage) -> Value {
    let spread = |all: usize| -> Vec<usize> {
        let shown = all.min(RUNS_SHOWN);
        (0..shown).map(|at| at * all / shown).collect()
    };
    let (styles, places) = (spread(film.items.len()), spread(coverage.places.len()));
    json!({
        "from": coverage.from,
        "until": coverage.until,
        "styles": styles.iter().map(|&style| &film.items[style]).collect::<Vec<_>>(),
        "places": places.iter().map(|&place| &coverage.places[place]).collect::<Vec<_>>(),
        "share": styles
            .iter()
            .map(|&style| places.iter().map(|&place| coverage.share[style][place]).collect::<Vec<_>>())
            .collect::<Vec<_>>(),
        "all": [film.items.len(), coverage.places.len()],
    })
}
