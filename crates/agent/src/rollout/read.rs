//! From facts to a reading: what the stores with the offers did against the plan, beside those that do not have them yet.

use super::{Begun, Expected, Offered, Rollout};
use crate::sense::Facts;
use endcap_govern::guardrail::{Interval, Level, difference, ratio};
use endcap_model::{Period, Place, RolloutRules, Sku, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Standard errors at which the intervals are tightest: of margin as a share, of time out of stock as a share.
const TUNED_FOR: [f64; 2] = [0.03, 0.02];

/// What a store did in a period with all items that the plan offers there then.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The store.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Margin, in minor units.
    pub margin: f64,
    /// Mean share of the time out of stock.
    pub stockouts: f64,
}

/// A reading of a guardrail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Margin against the plan, beside the stores without the offers, as a share; nothing where it cannot be told.
    pub margin: Option<Interval>,
    /// Share of time out of stock beyond that of the stores without the offers.
    pub stockouts: Option<Interval>,
    /// Stores with the offers that were read.
    pub stores: usize,
    /// Stores without them.
    pub others: usize,
    /// Whole periods that were read.
    pub periods: usize,
    /// What follows.
    pub says: Says,
}

/// What a reading says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Says {
    /// Not enough yet.
    NotYet {
        /// What is missing.
        why: String,
    },
    /// The next stage may open.
    Clear,
    /// The roll-out does harm.
    Harm {
        /// What, with the figures.
        what: String,
    },
}

/// What stores did since a period, in periods that are over. A store without any row in a period is not known there; an item
/// without one sold nothing.
pub fn observed(facts: &Facts, begun: &Begun, since: Span) -> Vec<Observed> {
    let (panel, columns) = (&facts.panel, facts.panel.columns());
    let mut offers: BTreeMap<(&Sku, &Place), Vec<&Offered>> = BTreeMap::new();
    for one in &begun.offered {
        offers.entry((&one.sku, &one.region)).or_default().push(one);
    }
    let mut seen: BTreeSet<(u32, Period)> = BTreeSet::new();
    let mut sums: BTreeMap<(u32, Period), (f64, f64, usize)> = BTreeMap::new();
    for row in (0..panel.len()).filter(|&row| since.contains(columns.period[row])) {
        let (place, period) = (columns.place[row], columns.period[row]);
        seen.insert((place, period));
        let (sku, store) = (&panel.skus()[columns.sku[row] as usize].sku, &panel.places()[place as usize].place);
        let region = begun.regions.get(store).unwrap_or(store);
        let of = offers.get(&(sku, region)).or_else(|| offers.get(&(sku, store)));
        let Some(offer) = of.and_then(|all| all.iter().find(|one| one.span.contains(period))) else {
            continue;
        };
        // Where sales carry no price of their own it is a share of the list price.
        let scale = if columns.base_price[row] == 1.0 { offer.list_price as f64 } else { 1.0 };
        let sum = sums.entry((place, period)).or_default();
        sum.0 += columns.units[row] * (columns.price[row] * scale - offer.unit_cost as f64);
        sum.1 += columns.stockout_share[row];
        sum.2 += 1;
    }
    let told = |&(place, period): &(u32, Period)| {
        let (margin, stockouts, items) = sums.get(&(place, period)).copied().unwrap_or_default();
        let place = panel.places()[place as usize].place.clone();
        Observed { place, period, margin, stockouts: stockouts / items.max(1) as f64 }
    };
    seen.iter().map(told).collect()
}

/// Reads the guardrail of the stage that is open: its stores and those of the stages before, beside all others, in the periods
/// that were observed.
///
/// Each stage spends half of what the ones before left of the probability to be wrong, and each of the two figures half of that.
pub fn reading(rollout: &Rollout, observed: &[Observed]) -> Reading {
    let rules = &rollout.begun.rules;
    let (stores, periods) = by_store(rollout, observed);
    let of = |with: bool| stores.values().filter(move |store| store.has == with);
    let figures = |with: bool, of_store: fn(&Store) -> Option<f64>| of(with).filter_map(of_store).collect::<Vec<_>>();
    let alpha = f64::from(rules.false_stops_max) / 2f64.powi(rollout.stage() as i32 + 2);
    let level = |tuned_for| Level { alpha, tuned_for };
    let (with, others) = (figures(true, Store::of_expected), figures(false, Store::of_expected));
    let margin = ratio(&with, &others, level(TUNED_FOR[0]));
    let stockouts =
        difference(&figures(true, Store::out_of_stock), &figures(false, Store::out_of_stock), level(TUNED_FOR[1]));
    let store_periods: usize = of(true).map(|store| store.periods).sum();
    let says = says(rules, margin.as_ref(), stockouts.as_ref(), (periods, store_periods));
    Reading { margin, stockouts, stores: with.len(), others: others.len(), periods, says }
}

#[derive(Default)]
struct Store {
    has: bool,
    margin: f64,
    expected: f64,
    stockouts: f64,
    periods: usize,
}

impl Store {
    fn of_expected(&self) -> Option<f64> {
        (self.expected > 0.0).then(|| self.margin / self.expected)
    }

    fn out_of_stock(&self) -> Option<f64> {
        (self.periods > 0).then(|| self.stockouts / self.periods as f64)
    }
}

fn by_store<'a>(rollout: &Rollout, observed: &'a [Observed]) -> (BTreeMap<&'a Place, Store>, usize) {
    let stages = rollout.begun.stages.iter().enumerate();
    let stage_of: BTreeMap<&Place, usize> =
        stages.flat_map(|(at, of)| of.iter().map(move |place| (place, at))).collect();
    let (mut stores, mut periods) = (BTreeMap::new(), BTreeSet::new());
    for one in observed {
        let (Some(expected), Some(stage)) = (expected_of(&rollout.begun, one), stage_of.get(&one.place)) else {
            continue;
        };
        let has = *stage <= rollout.stage();
        let store: &mut Store = stores.entry(&one.place).or_default();
        store.has = has;
        store.margin += one.margin;
        store.expected += if has { expected.planned } else { expected.without };
        store.stockouts += one.stockouts;
        store.periods += 1;
        periods.insert(one.period);
    }
    (stores, periods.len())
}

/// What the plan expects of what was observed; the expectations are sorted.
fn expected_of<'a>(begun: &'a Begun, one: &Observed) -> Option<&'a Expected> {
    let key = (&one.place, one.period);
    let at = begun.expected.binary_search_by(|expected| (&expected.place, expected.period).cmp(&key)).ok()?;
    begun.expected.get(at)
}

fn says(
    rules: &RolloutRules,
    margin: Option<&Interval>,
    stockouts: Option<&Interval>,
    (periods, store_periods): (usize, usize),
) -> Says {
    let not_yet = |why: String| Says::NotYet { why };
    if store_periods < rules.store_periods_min as usize {
        return not_yet(format!("{store_periods} of {} store-periods are read", rules.store_periods_min));
    }
    let (Some(margin), Some(stockouts)) = (margin, stockouts) else {
        return not_yet("too few stores, or no margin is expected: a person has to open the next stage".to_owned());
    };
    let harms: Vec<String> = [
        (margin.high < -f64::from(rules.margin_harm)).then(|| format!("margin against the plan is {}", told(margin))),
        (stockouts.low > f64::from(rules.stockouts_harm))
            .then(|| format!("time out of stock is up by {}", told(stockouts))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !harms.is_empty() {
        return Says::Harm { what: harms.join("; ") };
    }
    if periods < rules.periods_min as usize {
        return not_yet(format!("{periods} of {} periods are read", rules.periods_min));
    }
    if margin.low < -f64::from(rules.margin_clear) {
        return not_yet(format!("a loss of margin above {} is not ruled out: {}", rules.margin_clear, told(margin)));
    }
    if stockouts.high > f64::from(rules.stockouts_clear) {
        let limit = rules.stockouts_clear;
        return not_yet(format!("a rise of time out of stock above {limit} is not ruled out: {}", told(stockouts)));
    }
    Says::Clear
}

/// An interval in words.
fn told(interval: &Interval) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    format!("{} ({} to {})", percent(interval.estimate), percent(interval.low), percent(interval.high))
}
