//! Promotion instances: SKUs, weeks and depths with the formulas of the promotional-planning page.
//!
//! lift = base (alpha d + beta d²); value = (margin − d price) lift − Σ_j gamma_ij margin_j lift; cost = d price lift.
//! Value and cost are rounded to cents, units to whole units, half to even, in this order of operations. A file of
//! expanded values, where there is one, wins over the formulas.

use super::text::{Csv, FormatError};
use crate::solve::{Builder, Problem, Solution, Unit};
use serde::Deserialize;

/// The files of an instance folder.
#[derive(Clone, Copy, Debug)]
pub struct PromotionText<'a> {
    /// `instance.json`.
    pub instance: &'a str,
    /// `skus.csv`.
    pub skus: &'a str,
    /// `base.csv`.
    pub base: &'a str,
    /// `gamma.csv`.
    pub gamma: &'a str,
    /// `stock.csv`.
    pub stock: &'a str,
    /// `pairs.csv`; nothing for no pairs.
    pub pairs: Option<&'a str>,
    /// `triples.csv`, the expanded values.
    pub triples: Option<&'a str>,
}

/// A promotion instance: unit = SKU, period = week, option = index of the depth.
#[derive(Clone, Debug)]
pub struct PromotionInstance {
    /// Its name.
    pub name: String,
    /// Depths as shares of the price.
    pub depths: Vec<f64>,
    /// The problem, in cents.
    pub problem: Problem,
}

#[derive(Deserialize)]
struct Head {
    name: String,
    n_skus: usize,
    n_weeks: usize,
    depths: Vec<f64>,
    budget_cents: i64,
    slots: Vec<i64>,
    spacing: usize,
}

struct Cell {
    value: i64,
    cost: i64,
    units: i64,
}

/// Reads an instance.
///
/// # Errors
/// [`FormatError`] with file, line and column of the first thing that does not fit.
pub fn promotion(text: &PromotionText) -> Result<PromotionInstance, FormatError> {
    let head = head(text.instance)?;
    let stock = stock(&head, text.stock)?;
    let cells = match text.triples {
        Some(triples) => expanded(&head, triples)?,
        None => computed(&head, text)?,
    };
    let problem = build(&head, &stock, &cells, text.pairs)?;
    Ok(PromotionInstance { name: head.name, depths: head.depths, problem })
}

impl PromotionInstance {
    /// Rows of the plan: SKU, week and index of the depth, in order.
    pub fn rows(&self, solution: &Solution) -> Vec<(usize, usize, u32)> {
        let periods = self.problem.periods();
        let chosen = solution.choice.iter().enumerate().filter(|&(_, &column)| column != crate::solve::NONE);
        chosen.map(|(at, &column)| (at / periods, at % periods, self.problem.column(column).option)).collect()
    }
}

const INSTANCE: &str = "instance.json";

fn head(text: &str) -> Result<Head, FormatError> {
    let shape = |problem: String| FormatError::Shape { file: INSTANCE.to_owned(), problem };
    let head: Head = serde_json::from_str(text).map_err(|error| {
        shape(format!(
            "{error}: expected an object with name, n_skus, n_weeks, depths, budget_cents, slots and spacing"
        ))
    })?;
    let checks = [
        (head.n_skus > 0 && head.n_weeks > 0, "n_skus and n_weeks must be 1 or more"),
        (head.depths.iter().all(|depth| (0.0..1.0).contains(depth)), "depths must be shares from 0 to below 1"),
        (head.budget_cents >= 0, "budget_cents must be 0 or more"),
        (head.slots.len() == head.n_weeks, "slots must have one number per week"),
        (head.slots.iter().all(|&slots| slots >= 0), "slots must be 0 or more"),
        (head.spacing > 0, "spacing must be 1 or more"),
        (head.n_skus.saturating_mul(head.n_weeks) < 1 << 31, "the instance has more than 2^31 SKU-weeks"),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        None => Ok(head),
        Some((_, problem)) => Err(shape((*problem).to_owned())),
    }
}

/// Stock of each SKU over the horizon: that of the tightest distribution centre; nothing where no row names the SKU.
fn stock(head: &Head, text: &str) -> Result<Vec<Option<i64>>, FormatError> {
    let csv = Csv::read("stock.csv", text)?;
    let (sku, share, extra) = (csv.column("sku")?, csv.column("share")?, csv.column("extra_units")?);
    let mut tightest = vec![f64::INFINITY; head.n_skus];
    for row in 0..csv.rows.len() {
        let at = csv.index(row, sku, head.n_skus, "a SKU number")?;
        let share = csv.number(row, share, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
        let extra = csv.number(row, extra, "0 or more units", |v| v >= 0.0)?;
        tightest[at] = tightest[at].min(extra / share.max(1e-6));
    }
    Ok(tightest.into_iter().map(|units| units.is_finite().then(|| units.floor() as i64)).collect())
}

fn expanded(head: &Head, text: &str) -> Result<Vec<Cell>, FormatError> {
    let csv = Csv::read("triples.csv", text)?;
    let names = ["sku", "week", "depth", "value_cents", "cost_cents", "units"];
    let mut at = [0; 6];
    for (at, name) in at.iter_mut().zip(names) {
        *at = csv.column(name)?;
    }
    let depths = head.depths.len();
    let mut cells: Vec<Option<Cell>> = (0..head.n_skus * head.n_weeks * depths).map(|_| None).collect();
    for row in 0..csv.rows.len() {
        let sku = csv.index(row, at[0], head.n_skus, "a SKU number")?;
        let week = csv.index(row, at[1], head.n_weeks, "a week number")?;
        let known = |share: f64| head.depths.iter().position(|depth| (depth - share).abs() < 1e-9);
        let share = csv.number(row, at[2], "one of the instance's depths", |share| known(share).is_some())?;
        let depth = known(share).unwrap_or(0);
        let value = csv.whole(row, at[3], "whole cents", |_| true)?;
        let cost = csv.whole(row, at[4], "whole cents, 0 or more", |v| v >= 0)?;
        let units = csv.whole(row, at[5], "whole units, 0 or more", |v| v >= 0)?;
        cells[(sku * head.n_weeks + week) * depths + depth] = Some(Cell { value, cost, units });
    }
    let missing = cells.iter().position(Option::is_none);
    match missing {
        None => Ok(cells.into_iter().flatten().collect()),
        Some(at) => Err(FormatError::Shape {
            file: "triples.csv".to_owned(),
            problem: format!(
                "no row for SKU {}, week {}, depth {}",
                at / depths / head.n_weeks,
                at / depths % head.n_weeks,
                head.depths[at % depths]
            ),
        }),
    }
}

struct Sku {
    price: f64,
    margin: f64,
    alpha: f64,
    beta: f64,
    /// Substitutes' margin lost per extra unit.
    loss: f64,
}

fn computed(head: &Head, text: &PromotionText) -> Result<Vec<Cell>, FormatError> {
    let skus = skus(head, text.skus, text.gamma)?;
    let base = Csv::read("base.csv", text.base)?;
    let mut weeks = Vec::with_capacity(head.n_weeks);
    for week in 0..head.n_weeks {
        weeks.push(base.column(&format!("w{week}"))?);
    }
    let rows = rows_of(&base, head)?;
    let mut cells = Vec::with_capacity(head.n_skus * head.n_weeks * head.depths.len());
    for (sku, &row) in skus.iter().zip(&rows) {
        for &week in &weeks {
            let base = base.number(row, week, "0 or more units", |v| v >= 0.0)?;
            cells.extend(head.depths.iter().map(|&depth| cell(sku, base, depth)));
        }
    }
    Ok(cells)
}

fn cell(sku: &Sku, base: f64, depth: f64) -> Cell {
    let lift = base * (sku.alpha * depth + sku.beta * depth * depth);
    let value = (sku.margin - depth * sku.price) * lift - sku.loss * lift;
    let cost = depth * sku.price * lift;
    Cell {
        value: (value * 100.0).round_ties_even() as i64,
        cost: ((cost * 100.0).round_ties_even() as i64).max(0),
        units: (lift.round_ties_even() as i64).max(0),
    }
}

fn skus(head: &Head, skus: &str, gamma: &str) -> Result<Vec<Sku>, FormatError> {
    let csv = Csv::read("skus.csv", skus)?;
    let names = ["price", "unit_margin", "alpha", "beta"];
    let mut at = [0; 4];
    for (at, name) in at.iter_mut().zip(names) {
        *at = csv.column(name)?;
    }
    let mut read = Vec::with_capacity(head.n_skus);
    for row in rows_of(&csv, head)? {
        read.push(Sku {
            price: csv.number(row, at[0], "a price of 0 or more", |v| v >= 0.0)?,
            margin: csv.number(row, at[1], "a margin", |_| true)?,
            alpha: csv.number(row, at[2], "a number", |_| true)?,
            beta: csv.number(row, at[3], "a number", |_| true)?,
            loss: 0.0,
        });
    }
    let csv = Csv::read("gamma.csv", gamma)?;
    let (i, j, gamma) = (csv.column("sku_i")?, csv.column("sku_j")?, csv.column("gamma_ij")?);
    for row in 0..csv.rows.len() {
        let i = csv.index(row, i, head.n_skus, "a SKU number")?;
        let j = csv.index(row, j, head.n_skus, "a SKU number")?;
        read[i].loss += csv.number(row, gamma, "a number", |_| true)? * read[j].margin;
    }
    Ok(read)
}

/// Row of each SKU.
fn rows_of(csv: &Csv, head: &Head) -> Result<Vec<usize>, FormatError> {
    let sku = csv.column("sku")?;
    let mut rows = vec![usize::MAX; head.n_skus];
    for row in 0..csv.rows.len() {
        rows[csv.index(row, sku, head.n_skus, "a SKU number")?] = row;
    }
    match rows.iter().position(|&row| row == usize::MAX) {
        None => Ok(rows),
        Some(missing) => Err(FormatError::Shape {
            file: csv.file.to_owned(),
            problem: format!(
                "no row for SKU {missing}: {INSTANCE} has {} SKUs ({} columns read)",
                head.n_skus,
                csv.width()
            ),
        }),
    }
}

fn build(head: &Head, stock: &[Option<i64>], cells: &[Cell], pairs: Option<&str>) -> Result<Problem, FormatError> {
    let mut builder = Builder::new(head.n_weeks);
    let budget = builder.limit("budget", head.budget_cents);
    let slots: Vec<usize> =
        head.slots.iter().enumerate().map(|(week, &slots)| builder.limit(format!("slots w{week}"), slots)).collect();
    let depths = head.depths.len();
    for (sku, &stock) in stock.iter().enumerate() {
        builder.unit(Unit { spacing: head.spacing, stock, required: Vec::new() });
        for (week, &slots) in slots.iter().enumerate() {
            let first = (sku * head.n_weeks + week) * depths;
            for (depth, cell) in cells[first..first + depths].iter().enumerate() {
                builder.column(week, depth as u32, cell.value, cell.units, &[(budget, cell.cost), (slots, 1)]);
            }
        }
    }
    if let Some(text) = pairs {
        let csv = Csv::read("pairs.csv", text)?;
        let (i, j, penalty) = (csv.column("sku_i")?, csv.column("sku_j")?, csv.column("penalty_cents_per_week")?);
        for row in 0..csv.rows.len() {
            let i = csv.index(row, i, head.n_skus, "a SKU number")?;
            let j = csv.index(row, j, head.n_skus, "a SKU number")?;
            builder.pair(i, j, csv.whole(row, penalty, "whole cents, 0 or more", |v| v >= 0)?);
        }
    }
    builder.build().map_err(|source| FormatError::Problem { file: INSTANCE.to_owned(), source })
}
