//! What a world is made of: its cells, horizon, costs and shocks, checked and indexed once.

use crate::ties::BasketHalo;
use crate::{Habits, Halo, Logistics, PanelTerms, Shock, SizeOf, SizeRuns, TwinError};
use endcap_model::{Calendar, Group, Period, Pieces, Place, Sku, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// One item at one place, as the world begins.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSpec {
    /// The item.
    pub sku: Sku,
    /// The store.
    pub place: Place,
    /// The region in which its offers are set; the store itself where there is none.
    pub region: Place,
    /// Items that substitute for each other.
    pub group: Group,
    /// List price of one piece, minor units, 1 or more.
    pub list_price: i64,
    /// Cost of one piece, minor units.
    pub unit_cost: i64,
    /// Expected pieces per period at list price, one per season slot; see [`WorldSpec::slot_of`].
    pub mean_demand: Vec<f64>,
    /// Pieces that can be sold when the world begins.
    pub on_hand: i64,
    /// Pieces under way, by the period at whose start they arrive.
    pub pipeline: Vec<(Period, Pieces)>,
    /// Periods in which a piece can be sold, its first included; nothing for ever.
    pub shelf_life: Option<usize>,
}

/// How strongly a history shows an item to answer to price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// Log of promoted over list-price sales, over the log of paid over list price.
    pub elasticity: f64,
    /// Depth at which it shows: a share of the list price; 0 when nothing is known of depths.
    pub depth: f64,
    /// Standard deviation of the elasticity over worlds.
    pub sd: f64,
}

/// What the world charges and pays beside price and cost of the pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Cost of holding a piece at the end of a period, as a share of its unit cost.
    pub holding_rate: f64,
    /// Cost of throwing a piece away beyond its unit cost, as a share of it.
    pub waste_rate: f64,
    /// Cost of one item on promotion in one region for one period, minor units.
    pub fixed_cost: i64,
    /// Share of the discount that vendors pay back.
    pub vendor_funding_share: f64,
    /// Cost of moving a piece between places, minor units.
    pub transfer_cost: f64,
    /// What leftovers of offers cost: nothing when absent.
    pub write_down: Option<WriteDown>,
    /// What a piece that is left at the end is still worth, over its unit cost; when absent, stock that is left is
    /// neither gain nor loss.
    pub end_value_rate: Option<f64>,
}

/// The price of leftovers: pieces on hand above normal cover when an offer ends, or some periods later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteDown {
    /// Periods of mean demand at list price that are normal cover.
    pub cover_periods: f64,
    /// Loss of value of a piece above it, over its unit cost.
    pub rate: f64,
    /// Periods after the end of an offer in which what is left is counted; 0 when it ends. An offer that follows before
    /// then counts instead.
    #[serde(default)]
    pub after_periods: usize,
}

/// What holds for the whole world.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldTerms {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// The periods that are simulated.
    pub span: Span,
    /// An order placed at the end of period t arrives at the start of t + this; 0 works as 1.
    pub lead_time_periods: usize,
    /// Costs and funding.
    pub costs: Costs,
    /// How shoppers behave beyond the scenario's terms.
    pub habits: Habits,
    /// How goods move beyond the scenario's terms.
    pub logistics: Logistics,
    /// What hits the world on the way.
    pub shocks: Vec<Shock>,
}

/// The time before a world's first period, which its policies may have records of.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Number of periods.
    pub periods: usize,
    /// How promotions came about in them.
    pub promotions: PanelTerms,
}

/// Who a cell is, as a retailer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellKey {
    /// The item.
    pub sku: Sku,
    /// The store.
    pub place: Place,
    /// The region in which its offers are set.
    pub region: Place,
    /// Items that substitute for each other.
    pub group: Group,
}

/// A world that can be run from any seed. Cells are sorted by item and place.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    terms: WorldTerms,
    cells: Vec<CellSpec>,
    responses: BTreeMap<Sku, Shown>,
    sizes: BTreeMap<Sku, SizeOf>,
    halos: Vec<Halo>,
    past: Option<Past>,
    pub(crate) index: Index,
}

/// Numbers of what the cells share, so that the run touches no text.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub keys: Arc<[CellKey]>,
    /// Cells of each item, items sorted.
    pub skus: Vec<(Sku, Range<usize>)>,
    pub sku_of: Vec<u32>,
    pub region_of: Vec<u32>,
    pub regions: Vec<Place>,
    /// Place and group: where items substitute for each other.
    pub basket_of: Vec<u32>,
    pub baskets: usize,
    /// Item and region: what one offer costs once.
    pub pair_of: Vec<u32>,
    pub pairs: usize,
    pub place_of: Vec<u32>,
    pub places: Vec<Place>,
    /// Expected pieces at list price, slot by slot, cells in order.
    means: Vec<f64>,
    pub list_price: Vec<i64>,
    pub unit_cost: Vec<i64>,
    pub halos: Vec<BasketHalo>,
    pub runs: SizeRuns,
}

impl Index {
    /// Returns the number of a store.
    pub(crate) fn place_number(&self, place: &Place) -> Option<u32> {
        self.places.binary_search(place).ok().map(|at| at as u32)
    }

    /// Returns the number of a region.
    pub(crate) fn region_number(&self, region: &Place) -> Option<u32> {
        self.regions.binary_search(region).ok().map(|at| at as u32)
    }

    /// Returns the cells' expected pieces at list price in a season slot.
    pub(crate) fn means_of(&self, slot: usize) -> &[f64] {
        let cells = self.list_price.len();
        &self.means[slot * cells..(slot + 1) * cells]
    }
}

impl WorldSpec {
    /// Checks and sorts the cells.
    ///
    /// # Errors
    /// [`TwinError`] for an empty world, doubled cells, and numbers the world cannot run with.
    pub fn new(terms: WorldTerms, mut cells: Vec<CellSpec>) -> Result<Self, TwinError> {
        if cells.is_empty() {
            return Err(TwinError::NoCells);
        }
        if terms.span.is_empty() {
            return Err(TwinError::NoPeriods);
        }
        terms.habits.check()?;
        cells.sort_by(|a, b| (&a.sku, &a.place).cmp(&(&b.sku, &b.place)));
        let slots = cells[0].mean_demand.len();
        cells.iter().try_for_each(|cell| check_cell(cell, slots))?;
        if let Some(pair) =
            cells.windows(2).find(|pair| (&pair[0].sku, &pair[0].place) == (&pair[1].sku, &pair[1].place))
        {
            return Err(TwinError::DoubledCell { sku: pair[0].sku.clone(), place: pair[0].place.clone() });
        }
        terms.logistics.check()?;
        terms.shocks.iter().try_for_each(|shock| shock.check(terms.calendar, terms.span, &cells))?;
        let index = index(&cells);
        Ok(Self {
            terms,
            cells,
            responses: BTreeMap::new(),
            sizes: BTreeMap::new(),
            halos: Vec::new(),
            past: None,
            index,
        })
    }

    /// Returns what holds for the whole world.
    pub fn terms(&self) -> &WorldTerms {
        &self.terms
    }

    /// Returns the calendar of the periods.
    pub fn calendar(&self) -> Calendar {
        self.terms.calendar
    }

    /// Returns the periods that are simulated.
    pub fn span(&self) -> Span {
        self.terms.span
    }

    /// Returns the periods from the end of the one in which an order is placed to the start of the one it arrives in;
    /// at least 1, since nothing arrives in a period that is over.
    pub fn lead_time_periods(&self) -> usize {
        self.terms.lead_time_periods.max(1)
    }

    /// Returns the cells, sorted by item and place.
    pub fn cells(&self) -> &[CellSpec] {
        &self.cells
    }

    /// Returns who the cells are, in their order.
    pub fn keys(&self) -> Arc<[CellKey]> {
        Arc::clone(&self.index.keys)
    }

    /// Returns the season slot of a period: with 7 slots and days, slot 0 is a Thursday (1 January 1970).
    pub fn slot_of(&self, period: Period) -> usize {
        (period.0 as i64).rem_euclid(self.cells[0].mean_demand.len() as i64) as usize
    }

    /// Returns the region of every store.
    pub fn regions(&self) -> BTreeMap<Place, Place> {
        self.cells.iter().map(|cell| (cell.place.clone(), cell.region.clone())).collect()
    }

    /// Returns the cells of an item; none when the world does not sell it.
    pub fn cells_of(&self, sku: &Sku) -> Range<usize> {
        let skus = &self.index.skus;
        skus.binary_search_by(|(known, _)| known.cmp(sku)).map_or(0..0, |at| skus[at].1.clone())
    }

    /// Finds the cell of an item at a store, trying `hint` first: orders mostly come in the order of the cells.
    pub fn cell_of(&self, sku: &Sku, place: &Place, hint: usize) -> Option<usize> {
        let is = |cell: &CellSpec| cell.sku == *sku && cell.place == *place;
        if self.cells.get(hint).is_some_and(is) {
            return Some(hint);
        }
        let range = self.cells_of(sku);
        let start = range.start;
        self.cells[range].binary_search_by(|cell| cell.place.cmp(place)).ok().map(|at| start + at)
    }

    /// Returns whether an item is sold at a store, or at any store of a region.
    pub fn sells(&self, sku: &Sku, place: &Place) -> bool {
        self.cells[self.cells_of(sku)].iter().any(|cell| cell.place == *place || cell.region == *place)
    }

    /// Centres the hidden response of these items on what their history shows; a world draws each around its centre.
    /// The others are drawn around the mean of the scenario's terms.
    pub fn with_responses(mut self, responses: BTreeMap<Sku, Shown>) -> Self {
        self.responses = responses;
        self
    }

    /// Returns the centre of an item's hidden response, if it has one of its own.
    pub fn shown(&self, sku: &Sku) -> Option<Shown> {
        self.responses.get(sku).copied()
    }

    /// Says which items are sizes of a style. Items without an entry are a style of their own, with one core size.
    pub fn with_sizes(mut self, sizes: BTreeMap<Sku, SizeOf>) -> Self {
        self.index.runs = size_runs(&self.cells, &sizes);
        self.sizes = sizes;
        self
    }

    /// Returns which size of which style an item is, if it is one.
    pub fn size_of(&self, sku: &Sku) -> Option<&SizeOf> {
        self.sizes.get(sku)
    }

    /// Returns the size runs, to sum up what lies on the shelves.
    pub fn size_runs(&self) -> &SizeRuns {
        &self.index.runs
    }

    /// Says which groups bring sales to which.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a share outside its range and for groups that the world does not sell.
    pub fn with_halos(mut self, halos: Vec<Halo>) -> Result<Self, TwinError> {
        self.index.halos = basket_halos(&self.cells, &self.index, &halos)?;
        self.halos = halos;
        Ok(self)
    }

    /// Says how long the world was watched before its first period, and how promotions came about then.
    pub fn with_past(mut self, past: Option<Past>) -> Self {
        self.past = past;
        self
    }

    /// Returns what was before the first period; nothing where nobody watched.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref()
    }

    /// Keeps some of the cells.
    ///
    /// # Errors
    /// [`TwinError::NoCells`] when none is kept.
    pub fn keep(self, wanted: impl Fn(&CellSpec) -> bool) -> Result<Self, TwinError> {
        let cells = self.cells.into_iter().filter(wanted).collect();
        let kept = Self::new(self.terms, cells)?.with_responses(self.responses);
        let kept = if self.sizes.is_empty() { kept } else { kept.with_sizes(self.sizes) };
        Ok(kept.with_halos(self.halos)?.with_past(self.past))
    }

    /// The same cells under other terms, which the caller vouches for.
    pub(crate) fn under(mut self, terms: WorldTerms) -> Self {
        self.terms = terms;
        self
    }

    /// Replaces the shocks; for what-ifs on the same world.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a shock outside its range.
    pub fn with_shocks(mut self, shocks: Vec<Shock>) -> Result<Self, TwinError> {
        shocks.iter().try_for_each(|shock| shock.check(self.terms.calendar, self.terms.span, &self.cells))?;
        self.terms.shocks = shocks;
        Ok(self)
    }
}

fn check_cell(cell: &CellSpec, slots: usize) -> Result<(), TwinError> {
    let refuse = |field, found: String, expected| {
        Err(TwinError::Cell { sku: cell.sku.clone(), place: cell.place.clone(), field, found, expected })
    };
    if slots == 0 || cell.mean_demand.len() != slots {
        return refuse(
            "mean_demand",
            format!("{} slots", cell.mean_demand.len()),
            "as many slots as the other cells, 1 or more",
        );
    }
    if let Some(mean) = cell.mean_demand.iter().find(|mean| !(0.0..=1e7).contains(*mean)) {
        return refuse("mean_demand", mean.to_string(), "0 to 10,000,000 pieces");
    }
    if !(1..=1_000_000_000_000).contains(&cell.list_price) {
        return refuse("list_price", cell.list_price.to_string(), "1 minor unit or more");
    }
    if !(0..=1_000_000_000_000).contains(&cell.unit_cost) {
        return refuse("unit_cost", cell.unit_cost.to_string(), "0 minor units or more");
    }
    let pipeline = cell.pipeline.iter().map(|(_, pieces)| pieces.0);
    if let Some(pieces) =
        std::iter::once(cell.on_hand).chain(pipeline).find(|pieces| !(0..=1_000_000_000).contains(pieces))
    {
        return refuse("stock", pieces.to_string(), "0 or more pieces");
    }
    match cell.shelf_life {
        Some(life) if !(1..=10_000).contains(&life) => {
            refuse("shelf_life", life.to_string(), "1 to 10,000 periods, or none")
        }
        _ => Ok(()),
    }
}

fn index(cells: &[CellSpec]) -> Index {
    let keys = cells.iter().map(|cell| CellKey {
        sku: cell.sku.clone(),
        place: cell.place.clone(),
        region: cell.region.clone(),
        group: cell.group.clone(),
    });
    let mut skus: Vec<(Sku, Range<usize>)> = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        match skus.last_mut() {
            Some((sku, range)) if *sku == cell.sku => range.end = at + 1,
            _ => skus.push((cell.sku.clone(), at..at + 1)),
        }
    }
    let (sku_of, _) = numbered(cells.iter().map(|cell| &cell.sku));
    let (region_of, _) = numbered(cells.iter().map(|cell| &cell.region));
    let (basket_of, baskets) = numbered(cells.iter().map(|cell| (&cell.place, &cell.group)));
    let (pair_of, pairs) = numbered(cells.iter().map(|cell| (&cell.sku, &cell.region)));
    let places: BTreeSet<&Place> = cells.iter().map(|cell| &cell.place).collect();
    let regions: BTreeSet<&Place> = cells.iter().map(|cell| &cell.region).collect();
    let (place_of, _) = numbered(cells.iter().map(|cell| &cell.place));
    let slots = cells[0].mean_demand.len();
    Index {
        keys: keys.collect(),
        skus,
        sku_of,
        region_of,
        regions: regions.into_iter().cloned().collect(),
        basket_of,
        baskets,
        pair_of,
        pairs,
        place_of,
        places: places.into_iter().cloned().collect(),
        means: (0..slots).flat_map(|slot| cells.iter().map(move |cell| cell.mean_demand[slot])).collect(),
        list_price: cells.iter().map(|cell| cell.list_price).collect(),
        unit_cost: cells.iter().map(|cell| cell.unit_cost).collect(),
        halos: Vec::new(),
        runs: SizeRuns::default(),
    }
}

fn size_runs(cells: &[CellSpec], sizes: &BTreeMap<Sku, SizeOf>) -> SizeRuns {
    let style = |cell: &CellSpec| sizes.get(&cell.sku).map_or(&cell.sku, |size| &size.style).clone();
    let (run_of, runs) = numbered(cells.iter().map(|cell| (style(cell), cell.place.clone())));
    let core: Vec<bool> = cells.iter().map(|cell| sizes.get(&cell.sku).is_none_or(|size| size.core)).collect();
    let mut core_sizes = vec![0; runs];
    run_of.iter().zip(&core).for_each(|(&run, &core)| core_sizes[run as usize] += u32::from(core));
    SizeRuns { run_of, core, core_sizes }
}

fn basket_halos(cells: &[CellSpec], index: &Index, halos: &[Halo]) -> Result<Vec<BasketHalo>, TwinError> {
    let baskets: BTreeMap<(&Place, &Group), usize> =
        cells.iter().zip(&index.basket_of).map(|(cell, &at)| ((&cell.place, &cell.group), at as usize)).collect();
    let mut found = Vec::new();
    for halo in halos {
        let refuse = |field: &str, found: String, expected| {
            Err(TwinError::Setting { field: format!("halo.{field}"), found, expected })
        };
        if !(0.0..=10.0).contains(&halo.share) {
            return refuse("share", halo.share.to_string(), "0 to 10 pieces per extra piece");
        }
        for group in [&halo.from, &halo.to] {
            if !cells.iter().any(|cell| cell.group == *group) {
                return refuse("group", group.to_string(), "a group that the world sells");
            }
        }
        for place in &index.places {
            if let (Some(&from), Some(&to)) = (baskets.get(&(place, &halo.from)), baskets.get(&(place, &halo.to))) {
                found.push(BasketHalo { from, to, share: halo.share });
            }
        }
    }
    Ok(found)
}

/// Numbers things in their own order, so that the numbers do not depend on the order of the cells.
fn numbered<T: Ord + Clone>(things: impl Iterator<Item = T> + Clone) -> (Vec<u32>, usize) {
    let mut known: BTreeMap<T, u32> = things.clone().map(|thing| (thing, 0)).collect();
    for (number, slot) in known.values_mut().enumerate() {
        *slot = number as u32;
    }
    (things.map(|thing| known[&thing]).collect(), known.len())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A cell that sells 10 pieces a day at 2.00, costs 1.20, group `g`, region `r`, nothing on hand.
    pub(crate) fn cell(sku: &str, place: &str) -> CellSpec {
        CellSpec {
            sku: sku.into(),
            place: place.into(),
            region: "r".into(),
            group: "g".into(),
            list_price: 200,
            unit_cost: 120,
            mean_demand: vec![10.0; 7],
            on_hand: 0,
            pipeline: Vec::new(),
            shelf_life: None,
        }
    }

    /// A world of such cells over so many days, without shocks of a region.
    pub(crate) fn world_of(cells: Vec<CellSpec>, periods: usize) -> WorldSpec {
        let terms = WorldTerms {
            calendar: Calendar::Day,
            span: Span::of_length(Period(20_000), periods),
            lead_time_periods: 2,
            costs: Costs {
                holding_rate: 0.002,
                waste_rate: 0.1,
                fixed_cost: 50,
                vendor_funding_share: 0.2,
                ..Costs::default()
            },
            habits: Habits { region_shock_sd: 0.0, ..Habits::default() },
            logistics: Logistics::default(),
            shocks: Vec::new(),
        };
        WorldSpec::new(terms, cells).unwrap()
    }

    pub(crate) fn spec_of(cells: &[(&str, &str)], periods: usize) -> WorldSpec {
        world_of(cells.iter().map(|(sku, place)| cell(sku, place)).collect(), periods)
    }

    /// All stores shut for good from the first period on.
    pub(crate) fn closure() -> Shock {
        Shock {
            name: None,
            kind: crate::ShockKind::Closure,
            size: None,
            from: crate::Moment::After(0),
            periods: None,
            sku: None,
            group: None,
            place: None,
            region: None,
            standby: false,
        }
    }

    pub(crate) fn terms() -> endcap_model::TwinTerms {
        endcap_model::TwinTerms {
            worlds: 4,
            seed: 11,
            elasticity_mean: -2.0,
            elasticity_sd: 0.4,
            pull_forward_share: 0.2,
            substitution_share: 0.3,
            shock_sd: 0.15,
            late_probability: 0.0,
            cut_probability: 0.0,
            cut_share: 0.0,
        }
    }

    #[test]
    fn cells_are_found_by_item_and_place_whatever_the_hint() {
        let spec = spec_of(&[("b", "y"), ("a", "y"), ("b", "x")], 3);
        assert_eq!(
            spec.cells().iter().map(|c| (c.sku.as_str(), c.place.as_str())).collect::<Vec<_>>(),
            [("a", "y"), ("b", "x"), ("b", "y")]
        );
        for hint in 0..5 {
            assert_eq!(spec.cell_of(&"b".into(), &"y".into(), hint), Some(2));
            assert_eq!(spec.cell_of(&"a".into(), &"x".into(), hint), None);
            assert_eq!(spec.cell_of(&"c".into(), &"x".into(), hint), None);
        }
        assert_eq!(spec.cells_of(&"b".into()), 1..3);
    }

    #[test]
    fn a_world_that_cannot_run_is_refused() {
        let terms = |spec: &WorldSpec| spec.terms().clone();
        let good = spec_of(&[("a", "x")], 3);
        let refused = |cells: Vec<CellSpec>| WorldSpec::new(terms(&good), cells).unwrap_err();
        assert_eq!(refused(Vec::new()), TwinError::NoCells);
        assert!(matches!(refused(vec![cell("a", "x"), cell("a", "x")]), TwinError::DoubledCell { .. }));
        let wrong = |change: fn(&mut CellSpec)| {
            let mut cell = cell("a", "x");
            change(&mut cell);
            refused(vec![cell])
        };
        assert!(matches!(wrong(|c| c.list_price = 0), TwinError::Cell { field: "list_price", .. }));
        assert!(matches!(wrong(|c| c.mean_demand[2] = f64::NAN), TwinError::Cell { field: "mean_demand", .. }));
        assert!(matches!(wrong(|c| c.on_hand = -1), TwinError::Cell { field: "stock", .. }));
        assert!(matches!(wrong(|c| c.shelf_life = Some(0)), TwinError::Cell { field: "shelf_life", .. }));
        let empty = WorldTerms { span: Span::of_length(Period(0), 0), ..terms(&good) };
        assert_eq!(WorldSpec::new(empty, vec![cell("a", "x")]).unwrap_err(), TwinError::NoPeriods);
        let lost = Shock { place: Some("nowhere".into()), ..closure() };
        assert!(good.with_shocks(vec![lost]).unwrap_err().to_string().contains("nowhere"));
    }
}
