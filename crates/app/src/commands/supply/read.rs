//! Reads the tables of a supply folder. A row that cannot be read is set aside with file, row, column and what was
//! expected; the rest is planned.

use super::PeriodForm;
use anyhow::{Context, bail};
use endcap_adapters::AdapterError;
use endcap_adapters::tables::{Table, read_table};
use endcap_model::{Calendar, Forecast, ForecastRow, Place, Sku};
use endcap_supply::{
    DeliveryRow, Demand, FeedRow, GivenForecast, ItemRow, SalesHistory, SalesRow, SetAside, SizeOf, StockRow,
    SupplyConfig, SupplyRequest,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a folder holds.
pub struct Read {
    pub request: SupplyRequest,
    pub form: PeriodForm,
    /// Rows that could not be read.
    pub set_aside: Vec<String>,
    files: BTreeMap<&'static str, String>,
}

/// Rows of a table that could be read, each with its number, and why others could not.
struct Rows<'a> {
    table: &'a Table,
    faults: BTreeMap<usize, AdapterError>,
}

impl Read {
    /// Says in which file and row something was set aside.
    pub fn named(&self, aside: &SetAside) -> String {
        let file = self.files.get(aside.table).map_or(aside.table, String::as_str);
        format!("{file}: row {}: {}: {}", aside.row, aside.column, aside.reason)
    }
}

/// Reads a folder.
pub fn read(folder: &Path, config: &SupplyConfig) -> anyhow::Result<Read> {
    let forecast = if_any(folder, "forecast")?;
    let sales = match (if_any(folder, "sales")?, &forecast) {
        (None, None) => Some(needed(folder, "sales")?),
        (sales, _) => sales,
    };
    let dated = sales.as_ref().or(forecast.as_ref()).context("Invariant: sales or forecast was read")?;
    let form = PeriodForm::of(dated, config.calendar)?;
    let (stock, pipeline) = (needed(folder, "stock")?, needed(folder, "pipeline")?);
    let (items, feeds) = (if_any(folder, "items")?, if_any(folder, "feeds")?);
    let mut aside = Vec::new();
    let request = SupplyRequest {
        sales: SalesHistory {
            calendar: form.calendar,
            rows: sales.as_ref().map_or(Ok(Vec::new()), |sales| sales_rows(sales, form.calendar))?,
        },
        stock: stock_rows(&stock, &mut aside)?,
        deliveries: deliveries(&pipeline, form.calendar, &mut aside)?,
        items: items.as_ref().map_or(Ok(Vec::new()), |items| item_rows(items, &mut aside))?,
        feeds: feeds.as_ref().map_or(Ok(Vec::new()), |feeds| feed_rows(feeds, &mut aside))?,
        forecast: forecast.map(|forecast| forecast_of(&forecast, form.calendar)).transpose()?,
    };
    let tables = [("sales", sales.as_ref()), ("stock", Some(&stock)), ("pipeline", Some(&pipeline))];
    let tables = tables.into_iter().chain([("items", items.as_ref()), ("feeds", feeds.as_ref())]);
    let files = tables.filter_map(|(name, table)| Some((name, table?.name.clone()))).collect();
    Ok(Read { request, form, set_aside: aside, files })
}

fn if_any(folder: &Path, name: &str) -> anyhow::Result<Option<Table>> {
    let files: Vec<PathBuf> = ["parquet", "csv"]
        .iter()
        .map(|end| folder.join(format!("{name}.{end}")))
        .filter(|file| file.exists())
        .collect();
    match files.as_slice() {
        [] => Ok(None),
        [file] => Ok(Some(read_table(file)?)),
        [first, second, ..] => {
            bail!("{} and {} are both there: keep the one that holds the {name}", first.display(), second.display())
        }
    }
}

fn needed(folder: &Path, name: &str) -> anyhow::Result<Table> {
    if_any(folder, name)?.with_context(|| {
        format!("{} has no {name}.csv or {name}.parquet: `endcap supply --help` lists the tables", folder.display())
    })
}

impl<'a> Rows<'a> {
    fn of(table: &'a Table) -> Self {
        Self { table, faults: BTreeMap::new() }
    }

    /// Reads a column value by value; nothing where a value cannot be read, whose row is then set aside.
    fn column<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>, AdapterError> {
        let texts = self.table.optional_text(name)?;
        let mut values = Vec::with_capacity(texts.len());
        for (row, text) in texts.into_iter().enumerate() {
            let text = text.unwrap_or_default();
            let value = parse(&text);
            if value.is_none() {
                self.faults.entry(row).or_insert_with(|| self.table.bad(name, row, &text, expected));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn id<T: for<'t> From<&'t str>>(&mut self, name: &str) -> Result<Vec<Option<T>>, AdapterError> {
        self.column(name, "a text", |text| (!text.is_empty()).then(|| text.into()))
    }

    fn wholes(&mut self, name: &str) -> Result<Vec<Option<i64>>, AdapterError> {
        self.column(name, "a whole number", whole)
    }

    /// Like `column`, where a table may lack the column and a row the value.
    fn optional<T: Clone>(
        &mut self,
        names: [&str; 2],
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>, AdapterError> {
        let Some(name) = names.into_iter().find(|name| self.table.has(name)) else {
            return Ok(vec![None; self.table.len()]);
        };
        let value = |text: &str| if text.is_empty() { Some(None) } else { parse(text).map(Some) };
        Ok(self.column(name, expected, value)?.into_iter().map(Option::flatten).collect())
    }

    /// Whether a row, counted from 0, could be read.
    fn has(&self, row: usize) -> bool {
        !self.faults.contains_key(&row)
    }

    fn put_aside(self, aside: &mut Vec<String>) {
        aside.extend(self.faults.into_values().map(|fault| format!("{fault}; the row is left out: correct it")));
    }
}

fn whole(text: &str) -> Option<i64> {
    let number = text.parse::<f64>().ok()?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "TRUE" => Some(true),
        "0" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn cells(table: &Table) -> Result<impl Iterator<Item = (Sku, Place)> + use<>, AdapterError> {
    let (skus, places) = (table.text("unit_id")?, table.text("place_id")?);
    Ok(skus.into_iter().zip(places).map(|(sku, place)| (Sku::new(sku), Place::new(place))))
}

/// Reads the sales; units that are no number become one that is no count, which the plan sets aside.
fn sales_rows(table: &Table, calendar: Calendar) -> anyhow::Result<Vec<SalesRow>> {
    let periods = table.periods_of("period", calendar)?;
    let units = match table.numbers("units") {
        Ok(units) => units,
        Err(AdapterError::Value { .. }) => {
            let texts = table.optional_text("units")?;
            texts.iter().map(|text| text.as_deref().and_then(finite).unwrap_or(f64::NAN)).collect()
        }
        Err(other) => return Err(other.into()),
    };
    let in_stock = table.numbers("in_stock")?;
    if let Some(row) = in_stock.iter().position(|share| !(0.0..=1.0).contains(share)) {
        bail!(table.bad("in_stock", row, &in_stock[row].to_string(), "true or 1 where stock lasted, else false or 0"));
    }
    let values = periods.into_iter().zip(units).zip(in_stock);
    let row = |((sku, place), ((period, units), share))| SalesRow { sku, place, period, units, in_stock: share == 1.0 };
    Ok(cells(table)?.zip(values).map(row).collect())
}

fn stock_rows(table: &Table, aside: &mut Vec<String>) -> anyhow::Result<Vec<StockRow>> {
    let mut rows = Rows::of(table);
    let (skus, places) = (rows.id::<Sku>("unit_id")?, rows.id::<Place>("place_id")?);
    let on_hand = rows.wholes("on_hand")?;
    let row = |(at, ((sku, place), on_hand))| -> Option<StockRow> {
        Some(StockRow { row: at + 1, sku: sku?, place: place?, on_hand: on_hand? })
    };
    let read = skus.into_iter().zip(places).zip(on_hand).enumerate().filter_map(row).collect();
    rows.put_aside(aside);
    Ok(read)
}

fn deliveries(table: &Table, calendar: Calendar, aside: &mut Vec<String>) -> anyhow::Result<Vec<DeliveryRow>> {
    let mut rows = Rows::of(table);
    let (skus, places) = (rows.id::<Sku>("unit_id")?, rows.id::<Place>("place_id")?);
    let arrives = rows.column("arrives", "a period as the sales write it", |text| calendar.parse(text).ok())?;
    let quantity = rows.wholes("quantity")?;
    let row = |(at, ((sku, place), (arrives, quantity)))| -> Option<DeliveryRow> {
        Some(DeliveryRow { row: at + 1, sku: sku?, place: place?, arrives: arrives?, quantity: quantity? })
    };
    let values = arrives.into_iter().zip(quantity);
    let read = skus.into_iter().zip(places).zip(values).enumerate().filter_map(row).collect();
    rows.put_aside(aside);
    Ok(read)
}

fn feed_rows(table: &Table, aside: &mut Vec<String>) -> anyhow::Result<Vec<FeedRow>> {
    let mut rows = Rows::of(table);
    let (places, sources) = (rows.id::<Place>("place_id")?, rows.id::<Place>("source_id")?);
    let lead_times = rows.wholes("lead_time_periods")?;
    let packs = rows.optional(["case_pack", "pack"], "a whole number", whole)?;
    let row = |(at, ((place, source), (lead_time, pack)))| -> Option<FeedRow> {
        Some(FeedRow { row: at + 1, place: place?, source: source?, lead_time_periods: lead_time?, pack })
    };
    let values = lead_times.into_iter().zip(packs);
    let read = places.into_iter().zip(sources).zip(values).enumerate().filter_map(row).collect();
    rows.put_aside(aside);
    Ok(read)
}

fn item_rows(table: &Table, aside: &mut Vec<String>) -> anyhow::Result<Vec<ItemRow>> {
    let mut rows = Rows::of(table);
    let skus = rows.id::<Sku>("unit_id")?;
    let text = |text: &str| Some(text.to_owned());
    let packs = rows.optional(["case_pack", "case"], "a whole number", whole)?;
    let minima = rows.optional(["minimum_order", "minimum"], "a whole number", whole)?;
    let periods = |text: &str| whole(text).and_then(|life| usize::try_from(life).ok()).filter(|&life| life > 0);
    let lives = rows.optional(["shelf_life", "shelf_life_periods"], "1 or more periods, or nothing", periods)?;
    let most = rows.optional(["maximum_stock", "maximum"], "a whole number", whole)?;
    let volumes = rows.optional(["volume"; 2], "a number", finite)?;
    let suppliers = rows.optional(["supplier_id", "supplier"], "a text", text)?;
    let groups = rows.optional(["group_id", "group"], "a text", text)?;
    let costs = rows.optional(["unit_cost"; 2], "a number", finite)?;
    let margins = rows.optional(["unit_margin"; 2], "a number", finite)?;
    let styles = rows.optional(["style_id", "style"], "a text", text)?;
    let sizes = rows.optional(["size"; 2], "a text", text)?;
    let cores = rows.optional(["core"; 2], "true or false", truth)?;
    let mut items = Vec::new();
    for (at, sku) in skus.into_iter().enumerate() {
        let Some(sku) = sku.filter(|_| rows.has(at)) else { continue };
        let size_of = styles[at].clone().zip(sizes[at].clone());
        let size_of = size_of.map(|(style, size)| SizeOf { style, size, core: cores[at].unwrap_or(false) });
        items.push(ItemRow {
            row: at + 1,
            sku,
            case_pack: packs[at],
            minimum_order: minima[at],
            shelf_life: lives[at],
            maximum_stock: most[at],
            volume: volumes[at],
            supplier: suppliers[at].as_deref().map(Into::into),
            group: groups[at].as_deref().map(Into::into),
            unit_cost: costs[at],
            unit_margin: margins[at],
            size_of,
        });
    }
    rows.put_aside(aside);
    Ok(items)
}

fn forecast_of(table: &Table, calendar: Calendar) -> anyhow::Result<GivenForecast> {
    let (periods, means) = (table.periods_of("period", calendar)?, table.numbers("mean")?);
    let baselines = if table.has("baseline") { table.numbers("baseline")? } else { means.clone() };
    let stated = if table.has("dispersion") {
        Some(table.numbers("dispersion")?)
    } else if table.has("q05") && table.has("q95") {
        let ends = table.numbers("q05")?.into_iter().zip(table.numbers("q95")?);
        Some(
            means
                .iter()
                .zip(ends)
                .map(|(&mean, (low, high))| Demand::of_interval(mean, low, high).dispersion)
                .collect(),
        )
    } else {
        None
    };
    let row = |(at, (sku, place)): (usize, (Sku, Place))| ForecastRow {
        sku,
        place,
        period: periods[at],
        mean: means[at],
        baseline: baselines[at],
        dispersion: stated.as_ref().map_or(1.0, |stated: &Vec<f64>| stated[at]),
        quantiles: Vec::new(),
    };
    let rows = cells(table)?.enumerate().map(row).collect();
    Ok(GivenForecast { forecast: Forecast { calendar, levels: Vec::new(), rows }, dispersion_known: stated.is_some() })
}
