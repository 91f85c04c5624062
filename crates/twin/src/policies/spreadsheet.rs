//! How it is done in spreadsheets: a calendar that repeats itself, averages of what was sold, reorder to cover.
//!
//! Averages take sales as they were, also where the shelf ran empty, and know no season. One uplift for all items is
//! learned from past offers.

use super::cover::Cover;
use crate::choice::OfferTerms;
use crate::{Actions, Observation, Policy, WorldSpec};
use endcap_model::{Calendar, Depth, Mechanic, Offer, Period, Sku, Span, Support};
use std::collections::{BTreeMap, BTreeSet};

/// Periods that an average looks back, by day and by week.
const WINDOW: (f64, f64) = (28.0, 8.0);
/// Share of a period's uplift that enters the average uplift.
const LEARNED: f64 = 0.1;

/// The policy.
pub(super) struct Spreadsheet<'a> {
    name: &'a str,
    spec: &'a WorldSpec,
    calendar: BTreeMap<Period, Vec<Offer>>,
    cover: Cover,
    window: f64,
    /// By cell: average sales without offers.
    average: Vec<f64>,
    /// What an offer multiplies sales by.
    uplift: f64,
    promoted: Vec<bool>,
}

/// Puts every item on offer in turn, region by region, within the slots and never twice within the spacing.
pub(super) fn calendar(spec: &WorldSpec, terms: &OfferTerms, depth: Depth) -> BTreeMap<Period, Vec<Offer>> {
    let mut calendar: BTreeMap<Period, Vec<Offer>> = BTreeMap::new();
    for (number, region) in spec.index.regions.iter().enumerate() {
        let sold: BTreeSet<&Sku> =
            spec.cells().iter().filter(|cell| cell.region == *region).map(|cell| &cell.sku).collect();
        let items: Vec<&Sku> = sold.into_iter().collect();
        let slots = terms.slots.min(items.len() * terms.periods / terms.spacing.max(terms.periods));
        for (turn, start) in (spec.span().start.0..spec.span().end.0).step_by(terms.periods).enumerate() {
            let end = (start + terms.periods as i32).min(spec.span().end.0);
            for slot in 0..slots {
                let offer = Offer {
                    sku: items[((number + turn) * slots + slot) % items.len()].clone(),
                    place: region.clone(),
                    span: Span { start: Period(start), end: Period(end) },
                    mechanic: Mechanic::Tpr,
                    depth,
                    support: Support::default(),
                };
                offer.span.iter().for_each(|period| calendar.entry(period).or_default().push(offer.clone()));
            }
        }
    }
    calendar
}

impl<'a> Spreadsheet<'a> {
    /// Starts from last year's average sales.
    pub(super) fn new(
        name: &'a str,
        spec: &'a WorldSpec,
        calendar: BTreeMap<Period, Vec<Offer>>,
        cover: Cover,
        uplift: f64,
    ) -> Self {
        let yearly = |cell: &crate::CellSpec| cell.mean_demand.iter().sum::<f64>() / cell.mean_demand.len() as f64;
        let window = if spec.calendar() == Calendar::Week { WINDOW.1 } else { WINDOW.0 };
        Self {
            name,
            spec,
            calendar,
            cover,
            window,
            average: spec.cells().iter().map(yearly).collect(),
            uplift,
            promoted: vec![false; spec.cells().len()],
        }
    }

    /// Takes note of what was sold in the last period.
    fn note(&mut self, seen: &Observation) {
        if seen.last.is_none() {
            return;
        }
        let (mut sold, mut usual) = (0.0, 0.0);
        for ((average, at), &promoted) in self.average.iter_mut().zip(&seen.cells).zip(&self.promoted) {
            if promoted {
                sold += at.sold.0 as f64;
                usual += *average;
            } else {
                *average += (at.sold.0 as f64 - *average) / self.window;
            }
        }
        if usual > 0.0 {
            self.uplift += LEARNED * (sold / usual - self.uplift);
        }
    }

    /// By cell: how many of the next periods it is on offer.
    fn offers_ahead(&self, from: Period, periods: usize) -> Vec<u32> {
        let mut ahead = vec![0; self.average.len()];
        for offer in Span::of_length(from, periods).iter().filter_map(|period| self.calendar.get(&period)).flatten() {
            let region = self.spec.index.region_number(&offer.place);
            for cell in self.spec.cells_of(&offer.sku) {
                ahead[cell] += u32::from(Some(self.spec.index.region_of[cell]) == region);
            }
        }
        ahead
    }
}

impl Policy for Spreadsheet<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        self.note(seen);
        let offers = self.calendar.get(&seen.period).cloned().unwrap_or_default();
        let now = self.offers_ahead(seen.period, 1);
        self.promoted = now.iter().map(|&offers| offers > 0).collect();
        let expected = |cell: usize| self.average[cell] * if self.promoted[cell] { self.uplift } else { 1.0 };
        let mut actions = Actions { offers, ..Actions::default() };
        actions.expected = (0..self.average.len()).map(expected).collect();
        if self.cover.reviews(self.spec, seen) {
            let periods = self.cover.periods();
            let ahead = self.offers_ahead(seen.period, periods);
            let need = |cell: usize| {
                self.average[cell] * (periods as f64 + f64::from(ahead[cell]) * (self.uplift - 1.0)).max(0.0)
            };
            actions.cell_orders = self.cover.orders(seen, need, |cell| self.average[cell]);
        }
        actions
    }
}
