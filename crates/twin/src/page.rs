//! The interactive Promo Planner of the knapsack page: its formula, its greedy search and its six figures.
//!
//! Rebuilt as published, flaws included: the page counts the discount on the extra units only, so its plans look better
//! than they are. The world that the calendar then runs in counts in full.
//!
//! lift = base (alpha d + beta d²); value = (margin − d price) lift − steal rate · lift · mean margin of the other
//! items; cost = d price lift. Greedy: by value per money given away, where depth, page and budget allow. Uniform: the
//! items in turn, each week as many as the page takes, at the shallowest depth.

use crate::{Listed, TwinError};
use endcap_model::{Depth, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the page asks for beside items, prices and demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageTerms {
    /// Most money given away on the extra units over the horizon, major units.
    pub budget: f64,
    /// Items on the page per period.
    pub capacity: usize,
    /// Share of an item's extra units that is stolen from the others.
    pub steal_rate: f64,
    /// Depths that may be chosen, rising.
    pub depths: Vec<Depth>,
    /// Lift by item.
    pub lift: BTreeMap<Sku, PageLift>,
}

/// Lift of an item: base (alpha d + beta d²).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageLift {
    /// Slope at no discount.
    pub alpha: f64,
    /// Curvature, 0 or less.
    pub beta: f64,
}

/// An item on offer in a period of the page, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PageOffer {
    /// Number of the item in the list.
    pub item: usize,
    /// Period.
    pub period: usize,
    /// Depth.
    pub depth: Depth,
}

/// The six figures of the page. Money in major units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageKpis {
    /// Value of the calendar by the page's formula.
    pub incremental_margin: f64,
    /// The same over that of the uniform rotation, less 1; nothing where the rotation earns nothing.
    pub over_uniform: Option<f64>,
    /// Items on offer, summed over periods.
    pub sku_periods: usize,
    /// Money given away on the extra units.
    pub budget_used: f64,
    /// Mean depth of the offers.
    pub mean_depth: f64,
    /// Margin stolen from the other items over the margin of the extra units.
    pub cannibalised_share: f64,
}

/// The page with its items.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    list: &'a Listed,
    terms: &'a PageTerms,
    periods: usize,
}

impl<'a> Page<'a> {
    /// Reads the page.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for an item without lift and for numbers outside their range.
    pub fn new(list: &'a Listed, terms: &'a PageTerms, periods: usize) -> Result<Self, TwinError> {
        let refuse = |field: &str, found: String, expected| {
            Err(TwinError::Setting { field: format!("page.{field}"), found, expected })
        };
        if let Some(item) = list.items.iter().find(|item| !terms.lift.contains_key(&item.sku)) {
            return refuse("lift", item.sku.to_string(), "a lift for every item of the world");
        }
        if let Some(lift) = terms.lift.values().find(|lift| !(lift.alpha >= 0.0 && lift.beta <= 0.0)) {
            return refuse("lift", format!("{lift:?}"), "alpha of 0 or more and beta of 0 or less");
        }
        if !(0.0..=1.0).contains(&terms.steal_rate) {
            return refuse("steal_rate", terms.steal_rate.to_string(), "a share from 0 to 1");
        }
        if !(0.0..=1e12).contains(&terms.budget) {
            return refuse("budget", terms.budget.to_string(), "an amount of 0 or more");
        }
        if terms.depths.is_empty() {
            return refuse("depths", "empty".to_owned(), "at least one depth");
        }
        Ok(Self { list, terms, periods })
    }

    fn base(&self, offer: PageOffer) -> f64 {
        let demand = &self.list.items[offer.item].demand;
        let shares: f64 = self.list.places.iter().map(|place| place.share).sum();
        demand[offer.period.min(demand.len() - 1)] * shares
    }

    fn lift(&self, offer: PageOffer) -> f64 {
        let depth = offer.depth.share();
        let PageLift { alpha, beta } = self.terms.lift[&self.list.items[offer.item].sku];
        self.base(offer) * (alpha * depth + beta * depth * depth)
    }

    fn margin(&self, item: usize) -> f64 {
        self.list.items[item].list_price * self.list.items[item].margin_rate
    }

    /// Margin of the extra units, margin stolen, money given away.
    fn parts(&self, offer: PageOffer) -> (f64, f64, f64) {
        let lift = self.lift(offer);
        let given = offer.depth.share() * self.list.items[offer.item].list_price;
        let items = self.list.items.len();
        let others: f64 = (0..items).filter(|&item| item != offer.item).map(|item| self.margin(item)).sum();
        let stolen = self.terms.steal_rate * lift * others / (items.max(2) - 1) as f64;
        ((self.margin(offer.item) - given) * lift, stolen, given * lift)
    }

    /// Iterates over every offer that the page could make, with its value by the page's formula and the money that it
    /// gives away, item by item and period by period. Depths at which the page's lift falls below 0 are no offers: its
    /// formula would have them give money back.
    pub fn offers(&self) -> impl Iterator<Item = (PageOffer, f64, f64)> + '_ {
        let all = (0..self.list.items.len()).flat_map(move |item| {
            let offers = move |period| self.terms.depths.iter().map(move |&depth| PageOffer { item, period, depth });
            (0..self.periods).flat_map(offers)
        });
        all.filter(|&offer| self.lift(offer) >= 0.0).map(|offer| {
            let (gained, stolen, given) = self.parts(offer);
            (offer, gained - stolen, given)
        })
    }

    /// Returns what the page asks for.
    pub fn terms(&self) -> &PageTerms {
        self.terms
    }

    /// Returns the number of periods.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// Returns the page's greedy calendar.
    pub fn greedy(&self) -> Vec<PageOffer> {
        let mut scored: Vec<_> = self.offers().filter(|&(_, value, given)| value > 0.0 && given > 0.0).collect();
        scored.sort_by(|a, b| (b.1 / b.2).total_cmp(&(a.1 / a.2)));
        let mut calendar: Vec<PageOffer> = Vec::new();
        let mut left = self.terms.budget;
        for (offer, _, given) in scored {
            let mut on_page = calendar.iter().filter(|other| other.period == offer.period);
            let full = on_page.clone().count() >= self.terms.capacity;
            if full || given > left || on_page.any(|other| other.item == offer.item) {
                continue;
            }
            left -= given;
            calendar.push(offer);
        }
        calendar.sort_by_key(|offer| (offer.period, offer.item));
        calendar
    }

    /// Returns the rotation that the page compares to.
    pub fn uniform(&self) -> Vec<PageOffer> {
        let (items, depth) = (self.list.items.len(), self.terms.depths[0]);
        let mut left = self.terms.budget;
        let mut calendar = Vec::new();
        for period in 0..self.periods {
            for slot in 0..self.terms.capacity.min(items) {
                let offer = PageOffer { item: (period * self.terms.capacity + slot) % items, period, depth };
                let given = self.parts(offer).2;
                if given <= left {
                    left -= given;
                    calendar.push(offer);
                }
            }
        }
        calendar
    }

    /// Returns the discount on units that would have sold anyway, which the page leaves out; major units.
    pub fn given_on_baseline(&self, calendar: &[PageOffer]) -> f64 {
        let given =
            |&offer: &PageOffer| offer.depth.share() * self.list.items[offer.item].list_price * self.base(offer);
        calendar.iter().map(given).sum()
    }

    /// Returns the six figures of a calendar.
    pub fn kpis(&self, calendar: &[PageOffer]) -> PageKpis {
        let value = |calendar: &[PageOffer]| {
            let parts = calendar.iter().map(|&offer| self.parts(offer));
            parts.fold((0.0, 0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2))
        };
        let (gained, stolen, given) = value(calendar);
        let (of_uniform, stolen_by_uniform, _) = value(&self.uniform());
        let uniform = of_uniform - stolen_by_uniform;
        let depths: f64 = calendar.iter().map(|offer| offer.depth.share()).sum();
        PageKpis {
            incremental_margin: gained - stolen,
            over_uniform: (uniform > 0.0).then(|| (gained - stolen) / uniform - 1.0),
            sku_periods: calendar.len(),
            budget_used: given,
            mean_depth: if calendar.is_empty() { 0.0 } else { depths / calendar.len() as f64 },
            cannibalised_share: if gained > 0.0 { stolen / gained } else { 0.0 },
        }
    }
}
