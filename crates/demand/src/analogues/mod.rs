//! Analogues: what was tried that is most like an offer, and what came of it.
//!
//! A promotion is a point in a space of what is known before it runs ([`Context`]); how far two are apart is a sum of squares in
//! units that are stated here, not learnt: one unit is a difference that people would call small but not nothing. The nearest
//! are found exactly (`tree`): the answer depends on the cases alone, not on threads, order or chance; of those equally far the
//! latest comes first.
//!
//! It is no estimate of cause and no forecast: offers were chosen by people where they thought it best, and the few that are
//! nearest say little of the next. The lift model forecasts; analogues are there to be looked at.

mod generated;
mod tree;

use crate::events::Split;
use endcap_model::{Depth, Mechanic, Place, Sku, Span};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use tree::{Point, Tree};

pub use generated::generated;

/// A cut that is so much deeper is one unit away.
const DEPTH_UNIT: f64 = 0.05;
/// Units between an offer with an advert, or a display, and one without.
const SUPPORT_UNITS: f64 = 2.0;
/// Radius of the year in units: a month is 0.7 apart, half a year 2.8.
const YEAR_RADIUS: f64 = 1.4;
/// A price that is so much higher, in logarithm, is one unit away.
const PRICE_UNIT: f64 = 0.35;
/// Share of the time without stock that is one unit away, and the most units that it counts.
const SHORT_UNIT: f64 = 0.1;
const SHORT_UNITS_MAX: f64 = 3.0;
/// Squares of the units for another item, region, mechanic and category.
const OTHER_ITEM: f32 = 2.25;
const OTHER_REGION: f32 = 1.0;
const OTHER_MECHANIC: f32 = 9.0;
const OTHER_CATEGORY: f32 = 16.0;

/// What is known of a promotion before it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The item.
    pub sku: Sku,
    /// Its category; empty where none is known.
    pub category: Arc<str>,
    /// The region; empty where places have none.
    pub region: Place,
    /// How it works at the till.
    pub mechanic: Mechanic,
    /// The cut.
    pub depth: Depth,
    /// Share of its cells that are advertised.
    pub feature: f64,
    /// Share of its cells that are displayed.
    pub display: f64,
    /// Part of the year at which it begins, 0..1; nothing where periods have no dates.
    pub season: Option<f64>,
    /// List price over the median of its category; nothing where no price is known.
    pub price_tier: Option<f64>,
    /// Share of the time without stock in the periods before it.
    pub short_before: f64,
    /// Days that it runs (periods, where they have no dates).
    pub days: u32,
}

/// What came of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// Units that would have been sold without it.
    pub baseline: f64,
    /// Units that it added itself, over those; nothing where those are none.
    pub uplift: Option<f64>,
    /// Units after what substitutes and later periods lost.
    pub net: Split,
    /// What it earned in money; nothing where a cost is not known.
    pub profit: Option<Split>,
    /// What its item would have taken in without it, in money.
    pub usual_sales: f64,
    /// Share of its selling time without stock.
    pub stockout_share: f64,
    /// Units that empty shelves lost.
    pub lost: f64,
}

/// A promotion that ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastCase {
    /// What it was like.
    pub context: Context,
    /// Periods in which it ran.
    pub span: Span,
    /// Places in which it ran.
    pub places: usize,
    /// What came of it.
    pub outcome: CaseOutcome,
}

/// A past promotion with how far it is from what was asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Analogue<'a> {
    /// The promotion.
    pub case: &'a PastCase,
    /// Units between the two.
    pub distance: f64,
}

/// Past promotions, laid out so that the nearest are found at once.
pub struct Analogues {
    cases: Vec<PastCase>,
    items: BTreeMap<Sku, Item>,
    /// By category and mechanic a tree for each region: steps that are no coordinate count from the beginning of a search.
    trees: BTreeMap<(Arc<str>, Mechanic), BTreeMap<Place, Tree>>,
}

/// The cases of an item.
struct Item {
    number: u32,
    tree: Tree,
}

/// Part of the nearest ones, by the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    square: f32,
    start: i32,
    case: u32,
}

/// The nearest ones found so far, nearest first.
struct Nearest {
    wanted: usize,
    found: Vec<Found>,
}

impl Analogues {
    /// Lays cases out. The same cases, in whatever order, give the same answers.
    pub fn of(mut cases: Vec<PastCase>) -> Self {
        cases.sort_by(PastCase::order);
        let mut items: BTreeMap<Sku, Vec<Point>> = BTreeMap::new();
        let mut parts: BTreeMap<(Arc<str>, Mechanic), BTreeMap<Place, Vec<Point>>> = BTreeMap::new();
        let mut item = 0;
        for (at, PastCase { context, .. }) in (0_u32..).zip(&cases) {
            let is_next = at > 0 && cases[at as usize - 1].context.sku != context.sku;
            item += u32::from(is_next);
            let point = Point { at: context.point(), case: at, item };
            items.entry(context.sku.clone()).or_default().push(point);
            let part = parts.entry((context.category.clone(), context.mechanic)).or_default();
            part.entry(context.region.clone()).or_default().push(point);
        }
        let items: Vec<_> = (0_u32..)
            .zip(items)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(number, (sku, points))| (sku, Item { number, tree: Tree::of(points) }))
            .collect();
        let items = items.into_iter().collect();
        let regions: Vec<_> =
            parts.into_iter().flat_map(|(part, of)| of.into_iter().map(move |one| (part.clone(), one))).collect();
        let laid_out: Vec<_> =
            regions.into_par_iter().map(|(part, (region, points))| (part, region, Tree::of(points))).collect();
        let mut trees: BTreeMap<(Arc<str>, Mechanic), BTreeMap<Place, Tree>> = BTreeMap::new();
        for (part, region, tree) in laid_out {
            trees.entry(part).or_default().insert(region, tree);
        }
        Self { cases, items, trees }
    }

    /// All cases, by item, region and start.
    pub fn cases(&self) -> &[PastCase] {
        &self.cases
    }

    /// The `wanted` cases nearest to a context, nearest first; of those equally far the latest first.
    pub fn nearest(&self, context: &Context, wanted: usize) -> Vec<Analogue<'_>> {
        let at = context.point();
        let mut nearest = Nearest::new(wanted);
        // Cases of the item itself first: then the search among all others may count the step to another item from the beginning.
        let own = self.items.get(&context.sku);
        if let Some(own) = own {
            own.tree.visit(&at, 0.0, &mut nearest, &|nearest, point, square| {
                if square <= nearest.worst() {
                    nearest.offer(self.found(context, square, point.case));
                }
            });
        }
        let item = own.map(|own| own.number);
        let mut parts: Vec<(f32, &BTreeMap<Place, Tree>)> = self
            .trees
            .iter()
            .map(|(part, regions)| (context.apart_from(&part.0, part.1) + OTHER_ITEM, regions))
            .collect();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (apart, regions) in parts {
            if apart > nearest.worst() {
                break;
            }
            let here = regions.get(&context.region).map(|tree| (apart, tree));
            let elsewhere = regions.iter().filter(|(region, _)| **region != context.region);
            for (base, tree) in here.into_iter().chain(elsewhere.map(|(_, tree)| (apart + OTHER_REGION, tree))) {
                tree.visit(&at, base, &mut nearest, &|nearest, point, square| {
                    if Some(point.item) != item {
                        let start = self.cases[point.case as usize].span.start.0;
                        nearest.offer(Found { square: square + base, start, case: point.case });
                    }
                });
            }
        }
        self.told(nearest)
    }

    /// The same by looking at every case: what [`Analogues::nearest`] is measured against.
    pub fn nearest_of_all(&self, context: &Context, wanted: usize) -> Vec<Analogue<'_>> {
        let at = context.point();
        let mut nearest = Nearest::new(wanted);
        for (case, other) in (0_u32..).zip(&self.cases) {
            nearest.offer(self.found(context, tree::square(&at, &other.context.point()), case));
        }
        self.told(nearest)
    }

    /// A case with its whole distance, of which the square of the coordinates is known.
    fn found(&self, context: &Context, square: f32, case: u32) -> Found {
        let PastCase { context: other, span, .. } = &self.cases[case as usize];
        let other_item = if other.sku == context.sku { 0.0 } else { OTHER_ITEM };
        let other_region = if other.region == context.region { 0.0 } else { OTHER_REGION };
        let apart = (context.apart_from(&other.category, other.mechanic) + other_item) + other_region;
        Found { square: square + apart, start: span.start.0, case }
    }

    fn told(&self, nearest: Nearest) -> Vec<Analogue<'_>> {
        let told = |found: Found| Analogue {
            case: &self.cases[found.case as usize],
            distance: f64::from(found.square).sqrt(),
        };
        nearest.found.into_iter().map(told).collect()
    }
}

impl Context {
    /// Where it lies, in units; what is not known lies in the middle.
    fn point(&self) -> [f32; tree::DIMENSIONS] {
        let (sin, cos) = self.season.map_or((0.0, 0.0), |part| (part * std::f64::consts::TAU).sin_cos());
        let price = self.price_tier.filter(|tier| tier.is_finite() && *tier > 0.0).map_or(0.0, f64::ln);
        let short = (self.short_before.clamp(0.0, 1.0) / SHORT_UNIT).min(SHORT_UNITS_MAX);
        [
            self.depth.share() / DEPTH_UNIT,
            SUPPORT_UNITS * self.feature,
            SUPPORT_UNITS * self.display,
            YEAR_RADIUS * cos,
            YEAR_RADIUS * sin,
            price / PRICE_UNIT,
            short,
            f64::from(self.days.max(1)).log2(),
        ]
        .map(|value| value as f32)
    }

    /// Square of the units to cases of a category and mechanic, whatever else they are like.
    fn apart_from(&self, category: &str, mechanic: Mechanic) -> f32 {
        let category = if *category == *self.category { 0.0 } else { OTHER_CATEGORY };
        let mechanic = if mechanic == self.mechanic { 0.0 } else { OTHER_MECHANIC };
        category + mechanic
    }
}

impl PastCase {
    /// Item, region and start, then whatever else tells two cases apart.
    fn order(&self, other: &Self) -> Ordering {
        let key = |case: &Self| (case.context.sku.clone(), case.context.region.clone(), case.span, case.context.depth);
        let figures =
            |case: &Self| [case.context.feature, case.context.display, case.outcome.baseline, case.outcome.net.units];
        let by_figures =
            || figures(self).iter().zip(figures(other)).map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne());
        key(self).cmp(&key(other)).then_with(|| by_figures().unwrap_or(Ordering::Equal))
    }
}

impl Nearest {
    fn new(wanted: usize) -> Self {
        Self { wanted, found: Vec::with_capacity(wanted.min(1000) + 1) }
    }

    /// Square beyond which nothing is among the nearest.
    fn worst(&self) -> f32 {
        match self.found.last() {
            Some(last) if self.found.len() >= self.wanted => last.square,
            _ if self.wanted == 0 => f32::NEG_INFINITY,
            _ => f32::INFINITY,
        }
    }

    fn offer(&mut self, found: Found) {
        if found.square > self.worst() {
            return;
        }
        let at = self.found.partition_point(|known| known.order(&found) == Ordering::Less);
        self.found.insert(at, found);
        self.found.truncate(self.wanted);
    }
}

impl Found {
    fn order(&self, other: &Self) -> Ordering {
        let by_square = self.square.total_cmp(&other.square);
        by_square.then(other.start.cmp(&self.start)).then(self.case.cmp(&other.case))
    }
}

/// How outcomes of several cases spread: lowest, quarters, highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Quarters {
    /// Cases that it is of.
    pub cases: usize,
    /// Lowest.
    pub least: f64,
    /// A quarter lies below.
    pub lower: f64,
    /// Half lies below.
    pub middle: f64,
    /// A quarter lies above.
    pub upper: f64,
    /// Highest.
    pub most: f64,
}

/// What came of several promotions, in shares so that large and small ones can be told together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Spread {
    /// Units added over units usual.
    pub uplift: Option<Quarters>,
    /// Net units over units usual.
    pub net: Option<Quarters>,
    /// Profit over usual sales.
    pub profit: Option<Quarters>,
    /// Those whose expected profit is above 0.
    pub gained: usize,
    /// Those whose cost is known.
    pub costed: usize,
    /// Those that were without stock for some of their time.
    pub ran_short: usize,
}

impl Spread {
    /// Adds up what came of cases.
    pub fn of(cases: &[Analogue]) -> Self {
        let all = || cases.iter().map(|analogue| analogue.case.outcome);
        let over = |units: f64, of: f64| (of > 0.0).then(|| units / of);
        let profit = |outcome: &CaseOutcome| outcome.profit.map(|profit| profit.units);
        Self {
            uplift: Quarters::of(all().filter_map(|outcome| outcome.uplift)),
            net: Quarters::of(all().filter_map(|outcome| over(outcome.net.units, outcome.baseline))),
            profit: Quarters::of(all().filter_map(|outcome| over(profit(&outcome)?, outcome.usual_sales))),
            gained: all().filter(|outcome| profit(outcome).is_some_and(|profit| profit > 0.0)).count(),
            costed: all().filter(|outcome| outcome.profit.is_some()).count(),
            ran_short: all().filter(|outcome| outcome.stockout_share > 0.0).count(),
        }
    }
}

impl Quarters {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        let [least, lower, middle, upper, most] = [0.0, 0.25, 0.5, 0.75, 1.0].map(at);
        Some(Self { cases: values.len(), least, lower, middle, upper, most })
    }
}

#[cfg(test)]
mod tests;
