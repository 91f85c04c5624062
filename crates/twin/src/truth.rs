//! Known truth: a panel of what a retailer could have observed, and the answer key to it.
//!
//! Whoever estimates effects from the panel, with this program or any other, can be scored against the key. Its numbers
//! are exact: expectations of the same world with and without what they are about, under the same shocks, not
//! differences of drawn sales. The law behind it is that of the shoppers (see `shoppers`), which no estimate here
//! assumes: demand saturates with depth, memories of prices wear discounts out, households use up what they bought
//! ahead. Household stock follows expected, not drawn, purchases, so that expectations stay exact.

use crate::draws::Draws;
use crate::planner::{Event, PanelTerms, Planner, Shelves};
use crate::shoppers::{Shoppers, Tag};
use crate::{Past, TwinError, WorldSpec, WorldTerms};
use endcap_model::{Panel, PanelColumns, Period, PlaceEntry, Sku, SkuEntry, Span, TwinTerms};
use rayon::prelude::*;
use serde::Serialize;

/// Rows that a panel may have.
const ROWS_MOST: usize = 20_000_000;
/// Part of an event's traces in households and memories from which it is over.
const OVER: f64 = 1e-3;

/// What is true of one item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemTruth {
    /// The item.
    pub sku: Sku,
    /// Elasticity at list price.
    pub elasticity_at_list: f64,
    /// The constant elasticity that comes nearest to the true answers at the prices of the panel's offers: least squares
    /// of their logs. The one at list price where there was no offer.
    pub own_elasticity: f64,
    /// Log lift of an advert at list price.
    pub feature_log_lift: f64,
    /// Log lift of a display at list price.
    pub display_log_lift: f64,
}

/// What an item's price does to another item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossTruth {
    /// The item whose demand moves.
    pub sku: Sku,
    /// The item whose price does.
    pub other: Sku,
    /// The constant elasticity that comes nearest to the true losses at the prices of the other's offers.
    pub cross_elasticity: f64,
}

/// What one past promotion came to, in expected pieces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventTruth {
    /// The item.
    pub sku: Sku,
    /// Region in which it ran.
    pub region: String,
    /// Its first period.
    #[serde(skip)]
    pub span: Span,
    /// Depth as a share of the list price.
    pub depth: f64,
    /// Stores that carried it out.
    pub stores: usize,
    /// What these would have sold without it.
    pub baseline_units: f64,
    /// What the item sold more in its periods.
    pub own_incremental: f64,
    /// What other items of its group sold more in them: 0 or less.
    pub cannibalised: f64,
    /// What items of other groups sold more in them.
    pub halo: f64,
    /// What the item sold more afterwards: full cupboards and worn-out discounts, mostly 0 or less.
    pub dip: f64,
    /// All of these and what other items sold more afterwards.
    pub net_incremental: f64,
}

/// A panel and its answer key.
#[derive(Clone, Debug)]
pub struct KnownTruth {
    /// What a retailer could have observed; a stock-out share of 1 says that stock ran out in the period.
    pub panel: Panel,
    /// By item, sorted.
    pub items: Vec<ItemTruth>,
    /// By pair of one group, sorted.
    pub cross: Vec<CrossTruth>,
    /// By item, period and region.
    pub events: Vec<EventTruth>,
}

/// Makes the panel of a world's periods and its answer key.
///
/// # Errors
/// [`TwinError::Setting`] for terms outside their range and for panels of over 20 million rows.
pub fn known_truth(
    spec: &WorldSpec,
    terms: &TwinTerms,
    panel: &PanelTerms,
    seed: u64,
) -> Result<KnownTruth, TwinError> {
    panel.check()?;
    let rows = spec.cells().len() * spec.span().len();
    if rows > ROWS_MOST {
        let (field, found) = ("horizon".to_owned(), format!("{rows} rows of items, places and periods"));
        return Err(TwinError::Setting { field, found, expected: "at most 20,000,000 rows" });
    }
    let mut events = Vec::new();
    let Lived { mut history, shelves, shoppers } = live(spec, terms, panel, seed, |period, shoppers, shelves| {
        let starting: Vec<&Event> = shelves.events.iter().filter(|event| event.span.start == period).collect();
        let found: Vec<EventTruth> =
            starting.par_iter().map(|event| event_truth(spec, shoppers, shelves, event)).collect();
        events.extend(found);
    });
    events.sort_by(|a: &EventTruth, b| (&a.sku, a.span.start, &a.region).cmp(&(&b.sku, b.span.start, &b.region)));
    let items = history.items(spec, &shoppers);
    let cross = history.cross(spec);
    let panel = history.panel(spec, &shelves);
    Ok(KnownTruth { panel, items, cross, events })
}

/// Makes the panel of a world's past: what a retailer could have recorded of the periods before the first, with the
/// same shoppers. Nothing hit it, and the year does not begin with what it left in households and memories.
pub(crate) fn past_panel(spec: &WorldSpec, terms: &TwinTerms, past: &Past, seed: u64) -> Panel {
    let start = spec.span().start;
    let span = Span { start: start.plus(-(past.periods as i32)), end: start };
    let before = spec.clone().under(WorldTerms { span, shocks: Vec::new(), ..spec.terms().clone() });
    let Lived { mut history, shelves, .. } = live(&before, terms, &past.promotions, seed, |_, _, _| ());
    history.panel(&before, &shelves)
}

/// A world whose periods are over.
struct Lived<'a> {
    history: History,
    shelves: Shelves,
    shoppers: Shoppers<'a>,
}

/// Lets a planner of promotions run a world through its periods; `before` sees each of them before it begins.
fn live<'a>(
    spec: &'a WorldSpec,
    terms: &'a TwinTerms,
    panel: &PanelTerms,
    seed: u64,
    mut before: impl FnMut(Period, &Shoppers, &Shelves),
) -> Lived<'a> {
    let planner = Planner::new(spec, terms, panel, seed);
    let shelves = planner.shelves();
    let mut history = History::new(spec);
    let mut shoppers = Shoppers::new(spec, terms, Draws::new(seed));
    for (at, period) in spec.span().iter().enumerate() {
        before(period, &shoppers, &shelves);
        let tags = &shelves.tags[at];
        shoppers.look(period, tags);
        history.note(spec, &shoppers, tags);
        history.sell(&shoppers, &planner.stock(period, tags));
        remember(&mut shoppers, tags);
    }
    Lived { history, shelves, shoppers }
}

/// Everybody buys what they are expected to.
fn remember(shoppers: &mut Shoppers, tags: &[Tag]) {
    for (cell, &tag) in tags.iter().enumerate() {
        shoppers.remember(cell, shoppers.expected(cell), tag);
    }
    shoppers.tell_rivals(tags);
}

/// Runs the world on with and without one event, until its traces are gone.
fn event_truth(spec: &WorldSpec, before: &Shoppers, shelves: &Shelves, event: &Event) -> EventTruth {
    let (mut with, mut without) = (before.clone(), before.clone());
    let index = &spec.index;
    let mut truth = EventTruth {
        sku: index.skus[event.item].0.clone(),
        region: spec.cells()[event.cells[0]].region.as_str().to_owned(),
        span: event.span,
        depth: event.depth.share(),
        stores: event.cells.len(),
        baseline_units: 0.0,
        own_incremental: 0.0,
        cannibalised: 0.0,
        halo: 0.0,
        dip: 0.0,
        net_incremental: 0.0,
    };
    let habits = &spec.terms().habits;
    let kept = habits.reference_carry.max(1.0 - habits.stock_use);
    let tail = if kept > 0.0 && kept < 1.0 { (OVER.ln() / kept.ln()).ceil() as i32 } else { i32::MAX };
    let group = &spec.cells()[event.cells[0]].group;
    let end = spec.span().end.min(Period(event.span.end.0.saturating_add(tail)));
    for period in (Span { start: event.span.start, end }).iter() {
        let tags = &shelves.tags[(period.0 - spec.span().start.0) as usize];
        let runs = event.span.contains(period);
        let mut plain = std::borrow::Cow::Borrowed(tags);
        if runs {
            event.cells.iter().for_each(|&cell| plain.to_mut()[cell] = Tag::LIST);
        }
        with.expect(period, tags);
        without.expect(period, &plain);
        for cell in 0..tags.len() {
            let more = with.expected(cell) - without.expected(cell);
            let own = index.sku_of[cell] as usize == event.item;
            match (own, runs) {
                (true, true) => truth.own_incremental += more,
                (false, true) if spec.cells()[cell].group == *group => truth.cannibalised += more,
                (false, true) => truth.halo += more,
                (true, false) => truth.dip += more,
                (false, false) => {}
            }
            truth.net_incremental += more;
        }
        if runs {
            truth.baseline_units += event.cells.iter().map(|&cell| without.expected(cell)).sum::<f64>();
        }
        remember(&mut with, tags);
        remember(&mut without, &plain);
    }
    truth
}

/// Sums of x·y and x² of a least-squares line through the origin.
#[derive(Clone, Copy, Debug, Default)]
struct Slope {
    product: f64,
    square: f64,
}

impl Slope {
    fn add(&mut self, x: f64, y: f64) {
        self.product += x * y;
        self.square += x * x;
    }

    fn value(self) -> Option<f64> {
        (self.square > 0.0).then(|| self.product / self.square)
    }
}

/// What is noted while the world runs.
struct History {
    /// By item: log multiple over log price ratio.
    own: Vec<Slope>,
    /// By item: log of what its offers leave to its substitutes over log price ratio.
    taken: Vec<Slope>,
    /// By period and cell.
    units: Vec<f64>,
    out: Vec<f64>,
}

impl History {
    fn new(spec: &WorldSpec) -> Self {
        let (items, rows) = (spec.index.skus.len(), spec.cells().len() * spec.span().len());
        Self {
            own: vec![Slope::default(); items],
            taken: vec![Slope::default(); items],
            units: Vec::with_capacity(rows),
            out: Vec::with_capacity(rows),
        }
    }

    /// Notes how the offers of the present period are answered.
    fn note(&mut self, spec: &WorldSpec, shoppers: &Shoppers, tags: &[Tag]) {
        for (cell, &tag) in tags.iter().enumerate().filter(|(_, tag)| tag.ratio < 1.0) {
            let (item, log_ratio) = (spec.index.sku_of[cell] as usize, tag.ratio.ln());
            self.own[item].add(log_ratio, shoppers.answer(cell, Tag { utility: 0.0, ..tag }).ln());
            self.taken[item].add(log_ratio, (1.0 - shoppers.taken_share(cell)).max(f64::MIN_POSITIVE).ln());
        }
    }

    /// Draws what was wanted and sells as far as stock goes.
    fn sell(&mut self, shoppers: &Shoppers, stock: &[i64]) {
        for (cell, &stock) in stock.iter().enumerate() {
            let wanted = shoppers.want(cell);
            self.units.push(wanted.min(stock) as f64);
            self.out.push(f64::from(u8::from(wanted > stock)));
        }
    }

    fn items(&self, spec: &WorldSpec, shoppers: &Shoppers) -> Vec<ItemTruth> {
        let habits = &spec.terms().habits;
        let of = |(item, (sku, _)): (usize, &(Sku, std::ops::Range<usize>))| {
            let elasticity_at_list = shoppers.elasticity_at_list(item);
            ItemTruth {
                sku: sku.clone(),
                elasticity_at_list,
                own_elasticity: self.own[item].value().unwrap_or(elasticity_at_list),
                feature_log_lift: shoppers.fresh_answer(item, 0.0, habits.feature_utility).ln(),
                display_log_lift: shoppers.fresh_answer(item, 0.0, habits.display_utility).ln(),
            }
        };
        spec.index.skus.iter().enumerate().map(of).collect()
    }

    /// Offers of an item take the same share from each of its substitutes.
    fn cross(&self, spec: &WorldSpec) -> Vec<CrossTruth> {
        let skus = &spec.index.skus;
        let group = |item: usize| &spec.cells()[skus[item].1.start].group;
        let pairs = (0..skus.len()).flat_map(|item| (0..skus.len()).map(move |other| (item, other)));
        pairs
            .filter(|&(item, other)| item != other && group(item) == group(other))
            .filter_map(|(item, other)| {
                let cross_elasticity = self.taken[other].value()?;
                Some(CrossTruth { sku: skus[item].0.clone(), other: skus[other].0.clone(), cross_elasticity })
            })
            .collect()
    }

    fn panel(&mut self, spec: &WorldSpec, shelves: &Shelves) -> Panel {
        let cells = spec.cells();
        let mut places: Vec<PlaceEntry> = spec
            .regions()
            .into_iter()
            .map(|(place, region)| PlaceEntry { place, region: region.as_str().to_owned() })
            .collect();
        places.sort_by(|a, b| a.place.cmp(&b.place));
        let of_group = |range: &std::ops::Range<usize>| cells[range.start].group.clone();
        let entry = |(sku, range): &(Sku, std::ops::Range<usize>)| SkuEntry {
            sku: sku.clone(),
            group: of_group(range),
            tier: String::new(),
        };
        let skus = spec.index.skus.iter().map(entry).collect();
        let place_of: Vec<u32> = cells
            .iter()
            .map(|cell| {
                let found = places.binary_search_by(|entry| entry.place.cmp(&cell.place));
                found.expect("Invariant: every cell's place is listed") as u32
            })
            .collect();
        let mut columns = PanelColumns::default();
        for (at, period) in spec.span().iter().enumerate() {
            for (cell, terms) in cells.iter().enumerate() {
                let list = terms.list_price as f64;
                columns.sku.push(spec.index.sku_of[cell]);
                columns.place.push(place_of[cell]);
                columns.period.push(period);
                columns.price.push(list * shelves.tags[at][cell].ratio);
                columns.base_price.push(list);
                columns.feature.push(f64::from(u8::from(shelves.features[at][cell])));
                columns.display.push(f64::from(u8::from(shelves.displays[at][cell])));
            }
        }
        columns.units = std::mem::take(&mut self.units);
        columns.stockout_share = std::mem::take(&mut self.out);
        Panel::new(spec.calendar(), skus, places, columns).expect("Invariant: each cell and period has one row")
    }
}

#[cfg(test)]
#[path = "truth_tests.rs"]
mod tests;
