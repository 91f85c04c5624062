//! What a world is made of: its cells, horizon, costs and shocks, checked and indexed once.

use crate::{Habits, Shock, TwinError};
use endcap_model::{Calendar, Group, Period, Pieces, Place, Sku, Span};
use std::collections::BTreeMap;
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
    /// What hits the world on the way.
    pub shocks: Vec<Shock>,
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
    pub regions: usize,
    /// Place and group: where items substitute for each other.
    pub basket_of: Vec<u32>,
    pub baskets: usize,
    /// Item and region: what one offer costs once.
    pub pair_of: Vec<u32>,
    pub pairs: usize,
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
        terms.shocks.iter().try_for_each(|shock| shock.check(&cells))?;
        let index = index(&cells);
        Ok(Self { terms, cells, responses: BTreeMap::new(), index })
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

    /// Keeps some of the cells.
    ///
    /// # Errors
    /// [`TwinError::NoCells`] when none is kept.
    pub fn keep(self, wanted: impl Fn(&CellSpec) -> bool) -> Result<Self, TwinError> {
        let cells = self.cells.into_iter().filter(wanted).collect();
        Ok(Self::new(self.terms, cells)?.with_responses(self.responses))
    }

    /// Replaces the shocks; for what-ifs on the same world.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a shock outside its range.
    pub fn with_shocks(mut self, shocks: Vec<Shock>) -> Result<Self, TwinError> {
        shocks.iter().try_for_each(|shock| shock.check(&self.cells))?;
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
    let (region_of, regions) = numbered(cells.iter().map(|cell| &cell.region));
    let (basket_of, baskets) = numbered(cells.iter().map(|cell| (&cell.place, &cell.group)));
    let (pair_of, pairs) = numbered(cells.iter().map(|cell| (&cell.sku, &cell.region)));
    Index { keys: keys.collect(), skus, sku_of, region_of, regions, basket_of, baskets, pair_of, pairs }
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
            costs: Costs { holding_rate: 0.002, waste_rate: 0.1, fixed_cost: 50, vendor_funding_share: 0.2 },
            habits: Habits { region_shock_sd: 0.0, ..Habits::default() },
            shocks: Vec::new(),
        };
        WorldSpec::new(terms, cells).unwrap()
    }

    pub(crate) fn spec_of(cells: &[(&str, &str)], periods: usize) -> WorldSpec {
        world_of(cells.iter().map(|(sku, place)| cell(sku, place)).collect(), periods)
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
        let lost = Shock {
            kind: crate::ShockKind::Closure,
            size: None,
            from: 0,
            periods: None,
            sku: None,
            group: None,
            place: Some("nowhere".into()),
            region: None,
        };
        assert!(good.with_shocks(vec![lost]).unwrap_err().to_string().contains("nowhere"));
    }
}
