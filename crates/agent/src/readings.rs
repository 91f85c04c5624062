//! Readings: what the facts tell of the figures in the catalogue, for targets that run.
//!
//! Only what happened is read: pieces sold, money taken, margin on it. What a plan or a backtest tells is read elsewhere, and
//! what is not known stays unknown.

use crate::ground::Ground;
use endcap_govern::objectives::{Objectives, Target};
use endcap_model::Calendar;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Figures that facts alone tell.
pub const MEASURED: [&str; 4] = ["margin", "margin_rate", "revenue", "units"];

/// What was read, and up to when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Whole numbers in the catalogue's unit, by figure.
    pub values: BTreeMap<String, i64>,
    /// The first day that the facts know nothing of; nothing where they are empty or count no days.
    pub until: Option<Date>,
}

/// What is summed for a target.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    units: f64,
    revenue: f64,
    cost: f64,
    /// Whether the cost of everything that was sold is known.
    costs_known: bool,
}

/// Reads every target that runs on the last day that the facts know.
pub fn readings(ground: &Ground, objectives: &Objectives) -> Readings {
    let Some(until) = known_until(ground) else { return Readings::default() };
    let Ok(last) = until.yesterday() else { return Readings::default() };
    let running = objectives.targets.iter().filter(|target| target.from <= last && last < target.until);
    let mut values = BTreeMap::new();
    for target in running.filter(|target| MEASURED.contains(&target.kpi.as_str())) {
        let sums = summed(ground, target);
        let margin = sums.costs_known.then_some(sums.revenue - sums.cost);
        let value = match target.kpi.as_str() {
            "units" => Some(sums.units),
            "revenue" => Some(sums.revenue),
            "margin" => margin,
            _ => margin.filter(|_| sums.revenue > 0.0).map(|margin| margin / sums.revenue * 10_000.0),
        };
        values.extend(value.map(|value| (target.kpi.clone(), value.round() as i64)));
    }
    Readings { values, until: Some(until) }
}

/// The day after the last period of the facts.
fn known_until(ground: &Ground) -> Option<Date> {
    let panel = &ground.facts.panel;
    let last = panel.columns().period.iter().max()?;
    match panel.calendar() {
        Calendar::Index => None,
        calendar => calendar.start_date(last.plus(1)),
    }
}

fn summed(ground: &Ground, target: &Target) -> Sums {
    let panel = &ground.facts.panel;
    let (columns, calendar) = (panel.columns(), panel.calendar());
    let counts = |day: Option<Date>| day.is_some_and(|day| target.from <= day && day < target.until);
    let mut sums = Sums { costs_known: true, ..Sums::default() };
    for (index, entry) in panel.skus().iter().enumerate() {
        let item = ground.items.get(&entry.sku);
        for rows in panel.series_of(index) {
            for row in rows.filter(|row| counts(calendar.start_date(columns.period[*row]))) {
                let units = columns.units[row];
                // Sales without a price of their own carry a share of the list price.
                let scale = match (columns.base_price[row] == 1.0, item) {
                    (true, Some(item)) => item.list_price as f64,
                    (true, None) => continue,
                    (false, _) => 1.0,
                };
                sums.units += units;
                sums.revenue += units * columns.price[row] * scale;
                match item {
                    Some(item) => sums.cost += units * item.unit_cost as f64,
                    None => sums.costs_known &= units == 0.0,
                }
            }
        }
    }
    sums
}
