//! Analogues of an offer: past promotions of a project as cases, what is asked about as a context, and what is told.
//!
//! Pure: facts and the analysis of the past come in. Never ranks by outcome: who looks is to see what failed as well.

use crate::ground::Ground;
use crate::sense::Facts;
use endcap_demand::analogues::{Analogue, Analogues, Spread};
use endcap_demand::{Analysed, Analysis};
use endcap_model::{Calendar, Depth, Mechanic, Panel, Period, Place, Sku, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use endcap_demand::Split;
pub use endcap_demand::analogues::{CaseOutcome, Context, PastCase, generated};

/// Periods before a promotion of which the stock is looked at.
const PERIODS_BEFORE: i32 = 4;
/// Days of a year.
const YEAR: f64 = 365.25;

/// Said wherever analogues are shown.
pub const CAUTION: &str = "What came of offers that people chose for their place and time: no estimate of what this one will bring. \
                           The forecast is the lift model's.";

/// An offer that is asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The item; one without a history borrows its category's.
    pub sku: Sku,
    /// The category, where the facts name none for the item.
    pub category: Option<String>,
    /// A region, or a store of one; nothing for anywhere.
    pub place: Option<Place>,
    /// Periods in which it is to run.
    pub span: Span,
    /// The cut.
    pub depth: Depth,
    /// Whether it is advertised.
    pub feature: bool,
    /// Whether it is displayed.
    pub display: bool,
}

/// How near an analogue is in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// The item in the region.
    SameItemHere,
    /// The item elsewhere.
    SameItem,
    /// Another item of the category.
    SameCategory,
    /// Something else.
    Other,
}

/// A past promotion that is like the offer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ToldCase {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its category; empty where none is known.
    pub category: String,
    /// The region; empty where places have none.
    pub region: String,
    /// First period.
    pub from: String,
    /// Last period.
    pub to: String,
    /// Deepest cut.
    pub depth: Depth,
    /// Share of its cells that were advertised.
    pub feature: f64,
    /// Share of its cells that were displayed.
    pub display: f64,
    /// Places in which it ran.
    pub places: usize,
    /// How near it is in kind.
    pub likeness: Likeness,
    /// How far it is in all, in units that people would call small differences.
    pub distance: f64,
    /// Units added over units usual; nothing where none were usual.
    pub uplift: Option<f64>,
    /// Units after what substitutes and later periods lost.
    pub net: Split,
    /// What it earned, in minor units; nothing where a cost is not known.
    pub profit: Option<Split>,
    /// Share of its selling time without stock.
    pub stockout_share: f64,
    /// Units that empty shelves lost.
    pub lost: f64,
}

/// What was tried that is most like an offer, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ToldAnalogues {
    /// Promotions that were searched.
    pub searched: usize,
    /// Whether the item itself was ever promoted.
    pub item_was_promoted: bool,
    /// The nearest, nearest first.
    pub nearest: Vec<ToldCase>,
    /// How their outcomes spread.
    pub spread: Spread,
    /// What this is not.
    pub caution: &'static str,
}

/// Past promotions of a project as cases.
pub fn past_cases(ground: &Ground, analysis: &Analysis) -> Vec<PastCase> {
    let lens = Lens::of(ground);
    let mut shorts: BTreeMap<&Sku, Shorts> = BTreeMap::new();
    let panel = &ground.facts.panel;
    for (at, entry) in panel.skus().iter().enumerate() {
        shorts.insert(&entry.sku, Shorts::of(panel, at));
    }
    let nothing = Shorts::default();
    let case = |one: &Analysed| {
        let event = &one.event;
        let region = Place::new(&event.region);
        let before = shorts.get(&event.sku).unwrap_or(&nothing).before(&event.region, event.span.start);
        let asked = Asked {
            sku: event.sku.clone(),
            category: None,
            place: None,
            span: event.span,
            depth: event.depth,
            feature: false,
            display: false,
        };
        let context = Context { region, feature: one.feature, display: one.display, ..lens.context(&asked, before) };
        PastCase { context, span: event.span, places: event.places, outcome: outcome(one) }
    };
    analysis.events.iter().map(case).collect()
}

/// The nearest past promotions of an offer, and what came of them.
pub fn told(ground: &Ground, analogues: &Analogues, asked: &Asked, wanted: usize) -> ToldAnalogues {
    let context = context_of(ground, asked);
    let nearest = analogues.nearest(&context, wanted);
    let calendar = ground.facts.panel.calendar();
    ToldAnalogues {
        searched: analogues.cases().len(),
        item_was_promoted: nearest.first().is_some_and(|first| first.case.context.sku == asked.sku)
            || analogues.cases().binary_search_by(|case| case.context.sku.cmp(&asked.sku)).is_ok(),
        nearest: nearest.iter().map(|analogue| told_case(&ground.facts, &context, analogue, calendar)).collect(),
        spread: Spread::of(&nearest),
        caution: CAUTION,
    }
}

/// What is known of an offer before it runs, as cases have it.
pub fn context_of(ground: &Ground, asked: &Asked) -> Context {
    let panel = &ground.facts.panel;
    let region = asked.place.as_ref().map(|place| region_of(&ground.facts, place)).unwrap_or_default();
    let at = panel.skus().iter().position(|entry| entry.sku == asked.sku);
    let end = panel.span().map_or(asked.span.start, |span| span.end.min(asked.span.start));
    let before = at.map_or(0.0, |at| Shorts::of(panel, at).before(&region, end));
    Context { region: Place::new(region), ..Lens::of(ground).context(asked, before) }
}

/// The region of a place as past promotions name it: empty where places have none.
fn region_of(facts: &Facts, place: &Place) -> String {
    let entry = facts.panel.places().iter().find(|entry| entry.place == *place);
    entry.map_or_else(|| place.to_string(), |entry| entry.region.clone())
}

/// Categories and prices of items, which contexts are told with.
struct Lens<'a> {
    ground: &'a Ground,
    /// Median list price by category.
    medians: BTreeMap<&'a str, f64>,
}

impl<'a> Lens<'a> {
    fn of(ground: &'a Ground) -> Self {
        let mut prices: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for item in ground.items.values() {
            prices.entry(item.category.as_deref().unwrap_or_default()).or_default().push(item.list_price);
        }
        let median = |mut prices: Vec<i64>| {
            prices.sort_unstable();
            prices[prices.len() / 2] as f64
        };
        Self { ground, medians: prices.into_iter().map(|(category, prices)| (category, median(prices))).collect() }
    }

    fn context(&self, asked: &Asked, short_before: f64) -> Context {
        let facts = &self.ground.facts;
        let (known, item) = (self.ground.items.get(&asked.sku), facts.items.get(&asked.sku));
        let category = known.and_then(|known| known.category.clone());
        let category = category.or_else(|| item?.category.clone()).or_else(|| asked.category.clone());
        let category = category.unwrap_or_default();
        let price = known.map(|known| known.list_price).or_else(|| Some(item?.list_price?.minor));
        let median = self.medians.get(category.as_str()).filter(|median| **median > 0.0);
        let calendar = facts.panel.calendar();
        Context {
            sku: asked.sku.clone(),
            region: Place::new(""),
            mechanic: Mechanic::Tpr,
            depth: asked.depth,
            feature: f64::from(u8::from(asked.feature)),
            display: f64::from(u8::from(asked.display)),
            season: season(calendar, asked.span.start),
            price_tier: price.zip(median).map(|(price, median)| price as f64 / median),
            short_before,
            days: asked.span.len() as u32 * if calendar == Calendar::Week { 7 } else { 1 },
            category: Arc::from(category),
        }
    }
}

/// Part of the year at which a period begins.
fn season(calendar: Calendar, period: Period) -> Option<f64> {
    Some(f64::from(calendar.start_date(period)?.day_of_year() - 1) / YEAR)
}

/// Share of the time that an item was without stock, by region and period: sum and number of places.
#[derive(Default)]
struct Shorts(BTreeMap<(String, Period), (f64, f64)>);

impl Shorts {
    fn of(panel: &Panel, sku: usize) -> Self {
        let (c, mut sums) = (panel.columns(), BTreeMap::new());
        for row in panel.rows_of(sku) {
            let region = &panel.places()[c.place[row] as usize].region;
            let sum: &mut (f64, f64) = sums.entry((region.clone(), c.period[row])).or_default();
            *sum = (sum.0 + c.stockout_share[row], sum.1 + 1.0);
        }
        Self(sums)
    }

    /// The mean of the periods before; none is known where nothing was sold.
    fn before(&self, region: &str, start: Period) -> f64 {
        let known = (1..=PERIODS_BEFORE).filter_map(|back| self.0.get(&(region.to_owned(), start.plus(-back))));
        let (sum, n) = known.fold((0.0, 0.0), |(sum, n), (short, places)| (sum + short, n + places));
        if n > 0.0 { sum / n } else { 0.0 }
    }
}

fn outcome(one: &Analysed) -> CaseOutcome {
    let event = &one.event;
    CaseOutcome {
        baseline: event.baseline,
        uplift: (event.baseline > 0.0).then(|| event.own.units / event.baseline),
        net: event.net,
        profit: one.money.as_ref().map(|money| money.profit),
        usual_sales: one.usual_sales,
        stockout_share: one.stockouts.as_ref().map_or(0.0, |short| short.time_share),
        lost: one.stockouts.as_ref().map_or(0.0, |short| short.lost.units),
    }
}

fn told_case(facts: &Facts, asked: &Context, analogue: &Analogue, calendar: Calendar) -> ToldCase {
    let PastCase { context, span, places, outcome } = analogue.case;
    let likeness = match (context.sku == asked.sku, context.region == asked.region, context.category == asked.category)
    {
        (true, true, _) => Likeness::SameItemHere,
        (true, ..) => Likeness::SameItem,
        (_, _, true) => Likeness::SameCategory,
        _ => Likeness::Other,
    };
    ToldCase {
        name: facts.name(&context.sku),
        sku: context.sku.clone(),
        category: context.category.to_string(),
        region: context.region.to_string(),
        from: calendar.format(span.start),
        to: calendar.format(span.end.plus(-1)),
        depth: context.depth,
        feature: context.feature,
        display: context.display,
        places: *places,
        likeness,
        distance: analogue.distance,
        uplift: outcome.uplift,
        net: outcome.net,
        profit: outcome.profit,
        stockout_share: outcome.stockout_share,
        lost: outcome.lost,
    }
}
