//! Recovers demand that was cut short by hand: `recovered_demand FILE` reads a panel of days (CSV) with the whole day's sales
//! as `demand` beside the `units` that are left of it, and prints errors over the days that were cut as JSON: of what is
//! recovered, of the sales alone, and of the mean of the series' whole days.

use endcap_demand::{FitSettings, fit, recovered};
use endcap_model::{Calendar, Panel, PanelColumns, PlaceEntry, SkuEntry};
use std::collections::BTreeMap;
use std::error::Error;

/// Days with what really was wanted.
struct Days {
    panel: Panel,
    demand: Vec<f64>,
}

/// Numbers the values of a name in the order of their first row.
#[derive(Default)]
struct Names(BTreeMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> (u32, bool) {
        let next = self.0.len() as u32;
        let number = *self.0.entry(name.to_owned()).or_insert(next);
        (number, number == next)
    }
}

fn read(path: &str) -> Result<Days, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().ok_or("an empty file")?.split(',').collect();
    let column = |name: &str| head.iter().position(|h| *h == name).ok_or(format!("no column {name}"));
    let (unit, place, period, group) =
        (column("unit_id")?, column("place_id")?, column("period")?, column("group_id")?);
    let numbers = ["units", "price", "base_price", "feature", "stockout_share", "demand"];
    let at: Vec<usize> = numbers.iter().map(|name| column(name)).collect::<Result<_, _>>()?;
    let (mut units, mut places) = (Names::default(), Names::default());
    let (mut skus, mut stores, mut c, mut demand) = (Vec::new(), Vec::new(), PanelColumns::default(), Vec::new());
    for line in lines {
        let words: Vec<&str> = line.split(',').collect();
        let values: Vec<f64> = at.iter().map(|&at| words[at].parse()).collect::<Result<_, _>>()?;
        let (sku, new) = units.number(words[unit]);
        if new {
            skus.push(SkuEntry { sku: words[unit].into(), group: words[group].into(), tier: String::new() });
        }
        let (store, new) = places.number(words[place]);
        if new {
            stores.push(PlaceEntry { place: words[place].into(), region: String::new() });
        }
        c.sku.push(sku);
        c.place.push(store);
        c.period.push(Calendar::Day.parse(words[period])?);
        c.display.push(0.0);
        let to = [&mut c.units, &mut c.price, &mut c.base_price, &mut c.feature, &mut c.stockout_share, &mut demand];
        to.into_iter().zip(values).for_each(|(column, value)| column.push(value));
    }
    // A panel sorts its rows: the demand goes in and comes out as a control.
    c.controls = vec![endcap_model::Control { name: "demand".to_owned(), values: demand }];
    let sorted = Panel::new(Calendar::Day, skus, stores, c)?;
    let mut columns = sorted.columns().clone();
    let demand = columns.controls.remove(0).values;
    Ok(Days { panel: Panel::new(Calendar::Day, sorted.skus().to_vec(), sorted.places().to_vec(), columns)?, demand })
}

/// Relative bias of the total and sum of absolute errors, over the days that were cut.
fn scored(days: &Days, values: impl Fn(usize) -> f64) -> serde_json::Value {
    let cut = || (0..days.demand.len()).filter(|&row| days.panel.columns().stockout_share[row] > 0.0);
    let whole: f64 = cut().map(|row| days.demand[row]).sum();
    let off: f64 = cut().map(|row| values(row) - days.demand[row]).sum();
    let error: f64 = cut().map(|row| (values(row) - days.demand[row]).abs()).sum();
    serde_json::json!({ "bias": off / whole, "error": error / whole })
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("recovered_demand FILE")?;
    let days = read(&path)?;
    let fitted = fit(&days.panel, &FitSettings::default(), &|_, _| ())?;
    let found = recovered(&fitted, &days.panel);
    let c = days.panel.columns();
    let mut whole: BTreeMap<(u32, u32), (f64, f64)> = BTreeMap::new();
    for row in (0..days.panel.len()).filter(|&row| c.stockout_share[row] == 0.0) {
        let sum = whole.entry((c.sku[row], c.place[row])).or_default();
        *sum = (sum.0 + c.units[row], sum.1 + 1.0);
    }
    let usual = |row: usize| whole.get(&(c.sku[row], c.place[row])).map_or(0.0, |(sum, days)| sum / days);
    let told = serde_json::json!({
        "recovered": scored(&days, |row| found[row]),
        "sold": scored(&days, |row| c.units[row]),
        "usual": scored(&days, usual),
    });
    println!("{told}");
    Ok(())
}
