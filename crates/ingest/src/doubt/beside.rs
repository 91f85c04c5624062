//! What the other facts say of a sale: whether it was promoted, whether it was a holiday, what was there to be sold.

use crate::Loaded;
use crate::column::{Column, NO_PERIOD, NO_WHOLE};
use crate::intern::ABSENT;
use endcap_model::FactKind;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Item, place (of [`Beside`]'s own numbering) and period.
pub(crate) type Cell = (u32, u32, i32);

/// What the other facts say, gathered table by table before sales are judged.
#[derive(Debug, Default)]
pub struct Beside {
    skus: HashMap<Arc<str>, u32>,
    places: HashMap<Arc<str>, u32>,
    /// Region of each place that has one.
    regions: HashMap<u32, Arc<str>>,
    promoted: HashSet<Cell>,
    /// Holidays and other events; the place is [`ABSENT`] where they hold everywhere.
    events: HashSet<(u32, i32)>,
    pub(crate) on_hand: HashMap<Cell, i64>,
    pub(crate) receipts: HashMap<Cell, i64>,
}

/// Sales' numbers of items and places in the numbering of [`Beside`].
pub(crate) struct Numbers {
    skus: Vec<u32>,
    places: Vec<u32>,
}

impl Beside {
    /// Takes what a table says of sales.
    pub fn take(&mut self, table: &Loaded) {
        match table.kind {
            FactKind::Places => self.take_places(table),
            FactKind::Promotions => self.take_promotions(table),
            FactKind::Stock => self.take_counts(table),
            FactKind::Deliveries => self.take_deliveries(table),
            FactKind::Events => self.take_events(table),
            FactKind::Items | FactKind::Sales | FactKind::Prices | FactKind::Competitors => {}
        }
    }

    fn take_places(&mut self, table: &Loaded) {
        let (places, regions) = (table.ids("place"), table.ids("region"));
        let texts = table.texts_of("region");
        for &row in &table.rows {
            let region = regions[row as usize];
            let place = self.place(table, places[row as usize]);
            if region != ABSENT {
                self.regions.insert(place, texts[region as usize].clone());
            }
        }
    }

    fn take_promotions(&mut self, table: &Loaded) {
        let at = table.keys("period");
        let skus = self.renumbered(table, "sku");
        let places = self.renumbered(table, "place");
        let (mechanic, depth) = (table.ids("mechanic"), table.numbers("depth"));
        let (feature, display) = (table.flags("feature"), table.flags("display"));
        for &row in &table.rows {
            let row = row as usize;
            if mechanic[row] != ABSENT || depth[row] > 0.0 || feature[row] == 1 || display[row] == 1 {
                self.promoted.insert((skus[at.0[row] as usize], places[at.1[row] as usize], at.2[row]));
            }
        }
    }

    fn take_counts(&mut self, table: &Loaded) {
        let at = table.keys("period");
        let (skus, places) = (self.renumbered(table, "sku"), self.renumbered(table, "place"));
        let on_hand = table.wholes("on_hand");
        for &row in &table.rows {
            let row = row as usize;
            self.on_hand.insert((skus[at.0[row] as usize], places[at.1[row] as usize], at.2[row]), on_hand[row]);
        }
    }

    fn take_deliveries(&mut self, table: &Loaded) {
        let at = table.keys("arrives");
        let (skus, places) = (self.renumbered(table, "sku"), self.renumbered(table, "place"));
        let quantity = table.wholes("quantity");
        for &row in table.rows.iter().filter(|row| quantity[**row as usize] != NO_WHOLE) {
            let row = row as usize;
            let cell = (skus[at.0[row] as usize], places[at.1[row] as usize], at.2[row]);
            *self.receipts.entry(cell).or_default() += quantity[row];
        }
    }

    /// Events are controls of 0s and 1s; temperatures and the like are none.
    fn take_events(&mut self, table: &Loaded) {
        let (names, places, periods) = (table.ids("name"), table.ids("place"), table.periods());
        let values = table.numbers("value");
        let mut is_flag: BTreeMap<u32, bool> = BTreeMap::new();
        for &row in &table.rows {
            let value = values[row as usize];
            *is_flag.entry(names[row as usize]).or_insert(true) &= value == 0.0 || value == 1.0;
        }
        let numbers = self.renumbered(table, "place");
        for &row in &table.rows {
            let row = row as usize;
            if is_flag[&names[row]] && values[row] == 1.0 && periods[row] != NO_PERIOD {
                let place = numbers.get(places[row] as usize).copied().unwrap_or(ABSENT);
                self.events.insert((place, periods[row]));
            }
        }
    }

    fn place(&mut self, table: &Loaded, id: u32) -> u32 {
        let next = self.places.len() as u32;
        *self.places.entry(table.texts_of("place")[id as usize].clone()).or_insert(next)
    }

    /// The number here of each of a table's items or places.
    fn renumbered(&mut self, table: &Loaded, field: &str) -> Vec<u32> {
        let known = if field == "sku" { &mut self.skus } else { &mut self.places };
        let number = |text: &Arc<str>| {
            let next = known.len() as u32;
            *known.entry(text.clone()).or_insert(next)
        };
        table.texts_of(field).iter().map(number).collect()
    }

    /// The numbers here of the items and places of sales; [`ABSENT`] where no other table knows them.
    pub(crate) fn numbers(&self, sales: &Loaded) -> Numbers {
        let of = |known: &HashMap<Arc<str>, u32>, field: &str| {
            sales.texts_of(field).iter().map(|text| known.get(text).copied().unwrap_or(ABSENT)).collect()
        };
        Numbers { skus: of(&self.skus, "sku"), places: of(&self.places, "place") }
    }

    /// Whether a sale was on promotion.
    pub(crate) fn promoted(&self, cell: Cell) -> bool {
        !self.promoted.is_empty() && self.promoted.contains(&cell)
    }

    /// Whether it was a holiday or another event at a place.
    pub(crate) fn event(&self, place: u32, period: i32) -> bool {
        self.events.contains(&(place, period)) || self.events.contains(&(ABSENT, period))
    }

    /// The region of a place, where it has one.
    pub(crate) fn region(&self, place: u32) -> Option<&Arc<str>> {
        self.regions.get(&place)
    }
}

impl Numbers {
    /// The number of a sale's place.
    pub fn place(&self, place: u32) -> u32 {
        self.places[place as usize]
    }

    /// A cell of sales.
    pub fn cell(&self, sku: u32, place: u32, period: i32) -> Cell {
        (self.skus[sku as usize], self.places[place as usize], period)
    }
}

impl Loaded {
    pub(crate) fn position(&self, field: &str) -> usize {
        let found = self.kind.fields().iter().position(|of| of.name == field);
        found.expect("Invariant: the table has this field")
    }

    pub(crate) fn texts_of(&self, field: &str) -> &[Arc<str>] {
        &self.texts[self.position(field)]
    }

    pub(crate) fn ids(&self, field: &str) -> &[u32] {
        match &self.columns[self.position(field)] {
            Column::Id(ids, _) => ids,
            _ => unreachable!("Invariant: {field} is a name"),
        }
    }

    pub(crate) fn wholes(&self, field: &str) -> &[i64] {
        match &self.columns[self.position(field)] {
            Column::Whole(wholes) => wholes,
            _ => unreachable!("Invariant: {field} is a whole number"),
        }
    }

    pub(crate) fn numbers(&self, field: &str) -> &[f64] {
        match &self.columns[self.position(field)] {
            Column::Number(numbers) => numbers,
            _ => unreachable!("Invariant: {field} is a number"),
        }
    }

    pub(crate) fn flags(&self, field: &str) -> &[u8] {
        match &self.columns[self.position(field)] {
            Column::Flag(flags) => flags,
            _ => unreachable!("Invariant: {field} is a flag"),
        }
    }

    /// The periods of rows.
    pub(crate) fn periods(&self) -> &[i32] {
        self.periods_of("period")
    }

    fn periods_of(&self, field: &str) -> &[i32] {
        match &self.columns[self.position(field)] {
            Column::Period(periods, _) => periods,
            _ => unreachable!("Invariant: {field} is a period"),
        }
    }

    /// Items, places and periods of rows.
    pub(crate) fn keys(&self, period: &str) -> (&[u32], &[u32], &[i32]) {
        (self.ids("sku"), self.ids("place"), self.periods_of(period))
    }
}
