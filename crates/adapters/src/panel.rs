//! The panel of a snapshot: cells of sales with prices, support, stock-outs and controls, put together from the tables.

mod inputs;

use self::inputs::{Mechanics, is_kind};
use crate::AdapterError;
use crate::query::{Answer, Tables, number, text, whole};
use crate::sql;
use endcap_ingest::{KnownPrices, complete_prices};
use endcap_model::{
    COMPETITOR_PRICE, Calendar, Control, Item, MECHANIC, Panel, PanelColumns, Period, PlaceEntry, PlaceFact, Sku,
    SkuEntry,
};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

/// Which history is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PanelQuery {
    /// Items; all when empty.
    pub skus: Vec<Sku>,
    /// Categories; all when empty.
    pub categories: Vec<String>,
    /// Whether periods without a row, between the first and the last sale of an item at a place, become rows with no
    /// sales.
    pub fill_zero: bool,
    /// Names of the events that become controls.
    pub controls: Vec<String>,
}

/// Most rows that filling gaps may make.
const ROWS_MAX: usize = 400_000_000;
const MILLIONTHS: f64 = 1e6;

/// Cells while they are put together: one value per row.
#[derive(Default)]
struct Cells {
    sku: Vec<u32>,
    place: Vec<u32>,
    period: Vec<i32>,
    units: Vec<f64>,
    paid: Vec<f64>,
    list: Vec<f64>,
    ratio: Vec<f64>,
    feature: Vec<f64>,
    display: Vec<f64>,
    stockout_share: Vec<f64>,
}

/// Names with their numbers.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    last: u32,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if self.names.get(self.last as usize).is_some_and(|last| last == name) {
            return self.last;
        }
        self.last = match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                let number = self.names.len() as u32;
                self.names.push(name.to_owned());
                self.numbers.insert(name.to_owned(), number);
                number
            }
        };
        self.last
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// Renumbers in the order of the names; returns the new number of each old one.
    fn sort(&mut self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.names[a as usize].cmp(&self.names[b as usize]));
        let mut new = vec![0; order.len()];
        for (number, &old) in order.iter().enumerate() {
            new[old as usize] = number as u32;
        }
        self.names = order.iter().map(|&old| std::mem::take(&mut self.names[old as usize])).collect();
        self.numbers.values_mut().for_each(|number| *number = new[*number as usize]);
        new
    }
}

/// Puts a panel together.
pub(crate) fn build(
    project: &Path,
    tables: &Tables,
    calendar: Calendar,
    query: &PanelQuery,
    items: &[Item],
    places_known: &[PlaceFact],
) -> Result<Panel, AdapterError> {
    let skus: Vec<String> = query.skus.iter().map(ToString::to_string).collect();
    let filter = sql::filter(&skus, &query.categories);
    let (mut skus, mut places) = (Names::default(), Names::default());
    let mut cells = read_cells(tables, &filter, &mut skus, &mut places)?;
    cells.renumber(&skus.sort(), &places.sort());
    cells.sort();
    if query.fill_zero {
        cells = cells.filled(project)?;
    }
    let series = Series::of(&cells);
    let mechanics = read_promotions(tables, &filter, &skus, &places, &series, &mut cells)?;
    read_prices(tables, &skus, &places, &series, &mut cells)?;
    let by_sku: HashMap<&str, &Item> = items.iter().map(|item| (item.sku.as_str(), item)).collect();
    let list_of_item: Vec<f64> = skus
        .names
        .iter()
        .map(|sku| {
            by_sku.get(sku.as_str()).and_then(|item| item.list_price).map_or(f64::NAN, |price| price.minor as f64)
        })
        .collect();
    let known = KnownPrices {
        sku: &cells.sku,
        place: &cells.place,
        period: &cells.period,
        paid: &cells.paid,
        list: &cells.list,
        ratio: &cells.ratio,
        list_of_item: &list_of_item,
    };
    let (price, base_price) = complete_prices(&known, calendar);
    let mut controls = read_controls(tables, &query.controls, &places, &cells)?;
    controls.extend(Control::flags_at(MECHANIC, &mechanics, cells.len()));
    controls.extend(inputs::clusters(places_known, &places, &cells));
    if !query.controls.iter().any(|name| name == COMPETITOR_PRICE) {
        controls.extend(inputs::competitor_price(tables, &skus, &places, &cells)?);
    }
    let sku_entries = skus.names.iter().map(|sku| sku_entry(sku, by_sku.get(sku.as_str()).copied())).collect();
    let regions: HashMap<&str, &PlaceFact> = places_known.iter().map(|place| (place.place.as_str(), place)).collect();
    let region = |place: &str| regions.get(place).and_then(|place| place.region.as_ref()).map(ToString::to_string);
    let place_entries = places
        .names
        .iter()
        .map(|place| PlaceEntry { place: place.as_str().into(), region: region(place).unwrap_or_default() })
        .collect();
    let columns = PanelColumns {
        sku: cells.sku,
        place: cells.place,
        period: cells.period.into_iter().map(Period).collect(),
        units: cells.units,
        price,
        base_price,
        feature: cells.feature,
        display: cells.display,
        stockout_share: cells.stockout_share,
        controls,
    };
    Panel::new(calendar, sku_entries, place_entries, columns)
        .map_err(|source| AdapterError::Panel { path: project.to_owned(), source })
}

/// An item with its group: its own, else its category, else all.
fn sku_entry(sku: &str, item: Option<&Item>) -> SkuEntry {
    let group = item.and_then(|item| item.group.as_deref().or(item.category.as_deref())).unwrap_or("all");
    let tier = item.and_then(|item| item.tier.clone()).unwrap_or_default();
    SkuEntry { sku: sku.into(), group: group.into(), tier }
}

fn read_cells(tables: &Tables, filter: &str, skus: &mut Names, places: &mut Names) -> Result<Cells, AdapterError> {
    let mut cells = Cells::default();
    tables.each(&sql::cells(filter), &mut |answer| {
        let (sku, place, period) = (answer.text("sku"), answer.text("place"), answer.wholes("period"));
        let units = answer.wholes("units");
        for row in 0..answer.len() {
            cells.sku.push(skus.number(sku.value(row)));
            cells.place.push(places.number(place.value(row)));
            cells.period.push(period.value(row) as i32);
            cells.units.push(units.value(row) as f64);
        }
        mean(answer, "paid", 1.0, &mut cells.paid);
        mean(answer, "list", 1.0, &mut cells.list);
        mean(answer, "ratio", MILLIONTHS, &mut cells.ratio);
        for (name, column) in [
            ("feature", &mut cells.feature),
            ("display", &mut cells.display),
            ("stockout_share", &mut cells.stockout_share),
        ] {
            column.extend(answer.numbers(name).iter().map(|value| value.unwrap_or(0.0)));
        }
        Ok(())
    })?;
    Ok(cells)
}

/// Mean over pieces, or over lines where no piece was sold; NaN where there is none.
fn mean(answer: &Answer<'_>, name: &str, scale: f64, column: &mut Vec<f64>) {
    let of = |part: &str| answer.wholes(&format!("{name}_{part}"));
    let (by_units, units, by_lines, lines) = (of("by_units"), of("units"), of("by_lines"), of("lines"));
    column.extend((0..answer.len()).map(|row| match (whole(&units, row), whole(&lines, row)) {
        (Some(units), Some(1..)) if units > 0 => by_units.value(row) as f64 / units as f64 / scale,
        (_, Some(lines @ 1..)) => by_lines.value(row) as f64 / lines as f64 / scale,
        _ => f64::NAN,
    }));
}

impl Cells {
    fn len(&self) -> usize {
        self.sku.len()
    }

    fn key(&self, row: usize) -> (u32, u32, i32) {
        (self.sku[row], self.place[row], self.period[row])
    }

    fn renumber(&mut self, skus: &[u32], places: &[u32]) {
        self.sku.iter_mut().for_each(|sku| *sku = skus[*sku as usize]);
        self.place.iter_mut().for_each(|place| *place = places[*place as usize]);
    }

    fn sort(&mut self) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by_key(|&row| self.key(row as usize));
        *self = self.picked(order.into_iter().map(|row| Ok(row as usize)));
    }

    /// Makes cells from some of these (`Ok`) and from new ones without sales (`Err`, the cell).
    fn picked(&self, rows: impl Iterator<Item = Result<usize, (u32, u32, i32)>>) -> Self {
        let mut picked = Self::default();
        for row in rows {
            let (sku, place, period) = match row {
                Ok(row) => self.key(row),
                Err(cell) => cell,
            };
            let of = |values: &[f64], absent: f64| row.map_or(absent, |row| values[row]);
            picked.sku.push(sku);
            picked.place.push(place);
            picked.period.push(period);
            picked.units.push(of(&self.units, 0.0));
            picked.paid.push(of(&self.paid, f64::NAN));
            picked.list.push(of(&self.list, f64::NAN));
            picked.ratio.push(of(&self.ratio, f64::NAN));
            picked.feature.push(of(&self.feature, 0.0));
            picked.display.push(of(&self.display, 0.0));
            picked.stockout_share.push(of(&self.stockout_share, 0.0));
        }
        picked
    }

    /// Adds a cell without sales for every gap inside a series.
    fn filled(&self, project: &Path) -> Result<Self, AdapterError> {
        let gap = |row: usize| match row {
            0 => 0,
            row if self.key(row - 1).0 == self.sku[row] && self.key(row - 1).1 == self.place[row] => {
                self.period[row] - self.period[row - 1] - 1
            }
            _ => 0,
        };
        let rows: usize = (0..self.len()).map(|row| 1 + gap(row) as usize).sum();
        if rows > ROWS_MAX {
            let problem = format!("filling the gaps would make {rows} rows; ask for some categories only");
            return Err(AdapterError::Query { path: project.to_owned(), problem });
        }
        let with_gaps = (0..self.len()).flat_map(|row| {
            let (sku, place, period) = self.key(row);
            (period - gap(row)..period).map(move |period| Err((sku, place, period))).chain(std::iter::once(Ok(row)))
        });
        Ok(self.picked(with_gaps))
    }
}

/// Where the rows of each item at each place lie.
struct Series {
    by_cell: HashMap<(u32, u32), Range<usize>>,
    by_sku: HashMap<u32, Vec<u32>>,
}

impl Series {
    fn of(cells: &Cells) -> Self {
        let mut by_cell: HashMap<(u32, u32), Range<usize>> = HashMap::new();
        let mut by_sku: HashMap<u32, Vec<u32>> = HashMap::new();
        for row in 0..cells.len() {
            let (sku, place) = (cells.sku[row], cells.place[row]);
            let entry = by_cell.entry((sku, place)).or_insert_with(|| {
                by_sku.entry(sku).or_default().push(place);
                row..row
            });
            entry.end = row + 1;
        }
        Self { by_cell, by_sku }
    }

    /// Finds the row of a cell.
    fn row(&self, cells: &Cells, sku: u32, place: u32, period: i32) -> Option<usize> {
        let rows = self.by_cell.get(&(sku, place))?;
        let at = cells.period[rows.clone()].binary_search(&period).ok()?;
        Some(rows.start + at)
    }
}

fn read_promotions(
    tables: &Tables,
    filter: &str,
    skus: &Names,
    places: &Names,
    series: &Series,
    cells: &mut Cells,
) -> Result<Mechanics, AdapterError> {
    let mut mechanics = Mechanics::default();
    tables.each(&sql::promotions(filter), &mut |answer| {
        let mechanic = answer.text("mechanic");
        let (sku, place, period) = (answer.text("sku"), answer.text("place"), answer.wholes("period"));
        let (feature, display, depth) = (answer.numbers("feature"), answer.numbers("display"), answer.numbers("depth"));
        for row in 0..answer.len() {
            let (Some(sku), Some(place)) = (skus.find(sku.value(row)), places.find(place.value(row))) else { continue };
            let Some(cell) = series.row(cells, sku, place, period.value(row) as i32) else { continue };
            cells.feature[cell] = cells.feature[cell].max(number(&feature, row));
            cells.display[cell] = cells.display[cell].max(number(&display, row));
            let depth = number(&depth, row);
            if cells.ratio[cell].is_nan() && depth < 1.0 {
                cells.ratio[cell] = 1.0 - depth;
            }
            if let Some(kind) = text(&mechanic, row).filter(|word| is_kind(word)) {
                mechanics.entry(kind).or_default().push(cell);
            }
        }
        Ok(())
    })?;
    Ok(mechanics)
}

/// Fills in prices that are kept apart from sales: those of the place, else those that hold everywhere.
fn read_prices(
    tables: &Tables,
    skus: &Names,
    places: &Names,
    series: &Series,
    cells: &mut Cells,
) -> Result<(), AdapterError> {
    let mut everywhere: BTreeMap<(u32, i32), (f64, f64)> = BTreeMap::new();
    let fill = |cells: &mut Cells, cell: usize, price: f64, list: f64| {
        if cells.paid[cell].is_nan() {
            cells.paid[cell] = price;
        }
        if cells.list[cell].is_nan() {
            cells.list[cell] = list;
        }
    };
    tables.each(sql::PRICES, &mut |answer| {
        let (sku, place, period) = (answer.text("sku"), answer.text("place"), answer.wholes("period"));
        let (price, list) = (answer.numbers("price"), answer.numbers("list_price"));
        for row in 0..answer.len() {
            let Some(sku) = skus.find(sku.value(row)) else { continue };
            let (period, price, list) = (period.value(row) as i32, number(&price, row), number(&list, row));
            match text(&place, row) {
                None => {
                    everywhere.insert((sku, period), (price, list));
                }
                Some(place) => {
                    let cell = places.find(&place).and_then(|place| series.row(cells, sku, place, period));
                    if let Some(cell) = cell {
                        fill(cells, cell, price, list);
                    }
                }
            }
        }
        Ok(())
    })?;
    for ((sku, period), (price, list)) in everywhere {
        for &place in series.by_sku.get(&sku).map_or(&[][..], Vec::as_slice) {
            if let Some(cell) = series.row(cells, sku, place, period) {
                fill(cells, cell, price, list);
            }
        }
    }
    Ok(())
}

/// What is known of one control.
#[derive(Default)]
struct Known {
    at_place: HashMap<(u32, i32), f64>,
    everywhere: HashMap<i32, f64>,
    values: Vec<f64>,
}

/// Reads controls: the value of the place, else the one that holds everywhere. Where there is none, a control of 0s and
/// 1s is 0 (an event that nobody recorded did not happen) and any other is the mean of what is known.
fn read_controls(
    tables: &Tables,
    names: &[String],
    places: &Names,
    cells: &Cells,
) -> Result<Vec<Control>, AdapterError> {
    if names.is_empty() {
        return Ok(vec![]);
    }
    let mut known: BTreeMap<String, Known> = names.iter().map(|name| (name.clone(), Known::default())).collect();
    tables.each(sql::EVENTS, &mut |answer| {
        let (name, place) = (answer.text("name"), answer.text("place"));
        let (period, value) = (answer.wholes("period"), answer.numbers("value"));
        for row in 0..answer.len() {
            let Some(known) = known.get_mut(name.value(row)) else { continue };
            let (period, value) = (period.value(row) as i32, value.value(row));
            known.values.push(value);
            match text(&place, row).map(|place| places.find(&place)) {
                None => drop(known.everywhere.insert(period, value)),
                Some(Some(place)) => drop(known.at_place.insert((place, period), value)),
                Some(None) => {}
            }
        }
        Ok(())
    })?;
    let control = |name: &String| {
        let known = &known[name];
        let is_flag = known.values.iter().all(|&value| value == 0.0 || value == 1.0);
        let absent = if is_flag { 0.0 } else { known.values.iter().sum::<f64>() / known.values.len() as f64 };
        let value = |row: usize| {
            let at_place = known.at_place.get(&(cells.place[row], cells.period[row]));
            *at_place.or_else(|| known.everywhere.get(&cells.period[row])).unwrap_or(&absent)
        };
        Control { name: name.clone(), values: (0..cells.len()).map(value).collect() }
    };
    Ok(names.iter().map(control).collect())
}
