//! A made-up chain whose true expectations are known, week by week, for rehearsals of the gate.
//!
//! Demand is level of the item x size of the store x shock of the week x lift of the offer, drawn as Poisson counts around it.
//! Promotions are set by chance, so that effects can be told. Never calls an estimate.

use endcap_model::{Calendar, Panel, PanelColumns, Period, Place, PlaceEntry, Sku, SkuEntry, Span};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

/// Items, stores and regions.
const ITEMS: usize = 12;
const PLACES: usize = 6;
const REGIONS: usize = 3;
/// Depths of offers, and how often an item is on offer in a region.
const DEPTHS: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
const PROMOTED: f64 = 0.2;

/// A chain with its whole course.
pub(super) struct Shop {
    /// What could be observed.
    pub(super) panel: Panel,
    /// What was to be expected of each row without the week's shock, in the order of the panel.
    pub(super) expected: Vec<f64>,
}

/// How shoppers answer from a week on: a factor on every elasticity.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) at: i32,
    pub(super) factor: f64,
}

impl Shop {
    /// Draws a chain of so many weeks.
    pub(super) fn new(seed: u64, weeks: usize, turn: Option<Turn>) -> Self {
        let mut g = ChaCha8Rng::seed_from_u64(seed);
        let normal = |g: &mut ChaCha8Rng, mean: f64, spread: f64| {
            Normal::new(mean, spread).expect("Invariant: the spread is a number").sample(g)
        };
        let levels: Vec<f64> = (0..ITEMS).map(|_| 18.0 * normal(&mut g, 0.0, 0.5).exp()).collect();
        let elasticities: Vec<f64> = (0..ITEMS).map(|_| normal(&mut g, -2.2, 0.4).min(-0.8)).collect();
        let sizes: Vec<f64> = (0..PLACES).map(|_| normal(&mut g, 0.0, 0.3).exp()).collect();
        let shocks: Vec<f64> = (0..weeks).map(|_| normal(&mut g, 0.0, 0.06).exp()).collect();
        let offers: Vec<Option<f64>> = (0..ITEMS * REGIONS * weeks)
            .map(|_| (g.random::<f64>() < PROMOTED).then(|| DEPTHS[g.random_range(0..DEPTHS.len())]))
            .collect();
        let mut columns = PanelColumns::default();
        let mut expected = Vec::new();
        for item in 0..ITEMS {
            for place in 0..PLACES {
                for week in 0..weeks {
                    let offer = offers[(item * REGIONS + place % REGIONS) * weeks + week];
                    let ratio = 1.0 - offer.unwrap_or(0.0);
                    let turned = turn.filter(|turn| week as i32 >= turn.at).map_or(1.0, |turn| turn.factor);
                    let own = normal(&mut g, 0.0, 0.05).exp();
                    let mean = levels[item] * sizes[place] * ratio.powf(turned * elasticities[item]);
                    let drawn = Poisson::new(mean * shocks[week] * own).map_or(0.0, |law| law.sample(&mut g));
                    columns.sku.push(item as u32);
                    columns.place.push(place as u32);
                    columns.period.push(Period(2_800 + week as i32));
                    columns.units.push(drawn);
                    columns.price.push(ratio);
                    columns.base_price.push(1.0);
                    columns.feature.push(0.0);
                    columns.display.push(0.0);
                    columns.stockout_share.push(0.0);
                    expected.push(mean);
                }
            }
        }
        let entry = |item: usize| SkuEntry {
            sku: Sku::new(format!("item {item:02}")),
            group: if item < ITEMS / 2 { "a".into() } else { "b".into() },
            tier: String::new(),
        };
        let place = |place: usize| PlaceEntry {
            place: Place::new(format!("store {place}")),
            region: format!("region {}", place % REGIONS),
        };
        let panel =
            Panel::new(Calendar::Week, (0..ITEMS).map(entry).collect(), (0..PLACES).map(place).collect(), columns);
        Self { panel: panel.expect("Invariant: the made-up panel is whole"), expected }
    }

    /// What was sold in the first so many weeks.
    pub(super) fn until(&self, weeks: usize) -> Panel {
        self.panel.within(self.weeks(0, weeks))
    }

    /// The periods of some weeks.
    pub(super) fn weeks(&self, from: usize, to: usize) -> Span {
        let start = self.panel.span().map_or(Period(0), |span| span.start);
        Span { start: start.plus(from as i32), end: start.plus(to as i32) }
    }
}

/// A panel with other figures in some of its rows.
pub(super) fn changed(panel: &Panel, mut change: impl FnMut(usize, &mut PanelColumns)) -> Panel {
    let mut columns = panel.columns().clone();
    (0..panel.len()).for_each(|row| change(row, &mut columns));
    let changed = Panel::new(panel.calendar(), panel.skus().to_vec(), panel.places().to_vec(), columns);
    changed.expect("Invariant: only figures were changed")
}
