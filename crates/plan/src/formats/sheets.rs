//! What a promotion instance says of the whole plan and of each SKU, before any week is looked at.

use super::error::FormatError;
use super::order::{InOrder, Once};
use super::table::Table;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::Read;

/// Name of the file that holds the head.
pub(super) const INSTANCE: &str = "instance.json";

/// Largest price, margin, number of units and other number that is read: products of four stay finite.
pub(super) const LARGEST: f64 = 1e12;

/// Most weeks times depths.
const CELLS: usize = 1 << 20;

/// Depths closer than this are the same.
const SAME_DEPTH: f64 = 1e-9;

/// `instance.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub name: String,
    pub n_skus: usize,
    pub n_weeks: usize,
    pub depths: Vec<f64>,
    pub budget_cents: i64,
    pub slots: Vec<i64>,
    pub spacing: usize,
}

impl Head {
    /// Reads and checks it.
    pub fn read(read: &mut dyn Read) -> Result<Self, FormatError> {
        let mut bytes = Vec::new();
        let all = read.read_to_end(&mut bytes);
        all.map_err(|source| FormatError::Unreadable { file: INSTANCE.to_owned(), source })?;
        let json = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let head: Self = serde_json::from_slice(json).map_err(|error| {
            let expected = "an object with name, n_skus, n_weeks, depths, budget_cents, slots and spacing";
            FormatError::shape(INSTANCE, format!("{error}: expected {expected}"))
        })?;
        match head.checks().into_iter().find(|(holds, _)| !holds) {
            None => Ok(head),
            Some((_, problem)) => Err(FormatError::shape(INSTANCE, problem)),
        }
    }

    fn checks(&self) -> [(bool, &'static str); 10] {
        let depths = &self.depths;
        let mut rising = depths.clone();
        rising.sort_by(f64::total_cmp);
        let differ = rising.windows(2).all(|two| two[1] - two[0] >= SAME_DEPTH);
        [
            (self.n_skus > 0 && self.n_weeks > 0, "n_skus and n_weeks must be 1 or more"),
            (self.n_skus.saturating_mul(self.n_weeks) < 1 << 31, "the instance has more than 2^31 SKU-weeks"),
            (!depths.is_empty(), "depths must have one number or more"),
            (self.n_weeks.saturating_mul(depths.len()) <= CELLS, "n_weeks times depths must be at most 1048576"),
            (depths.iter().all(|depth| (0.0..1.0).contains(depth)), "depths must be shares from 0 to below 1"),
            (differ, "depths must differ: keep each once"),
            (self.budget_cents >= 0, "budget_cents must be 0 or more"),
            (self.slots.len() == self.n_weeks, "slots must have one number per week"),
            (self.slots.iter().all(|&slots| slots >= 0), "slots must be 0 or more"),
            (self.spacing > 0, "spacing must be 1 or more"),
        ]
    }

    /// Index of a depth.
    pub fn depth(&self, share: f64) -> Option<usize> {
        self.depths.iter().position(|depth| (depth - share).abs() < SAME_DEPTH)
    }

    /// Says that a SKU has no row.
    pub fn no_row(&self, file: &str, sku: usize) -> FormatError {
        FormatError::shape(file, format!("no row for SKU {sku}: {INSTANCE} has {} SKUs", self.n_skus))
    }
}

/// A row of `skus.csv`, with what `gamma.csv` takes off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sku {
    pub price: f64,
    pub margin: f64,
    pub alpha: f64,
    pub beta: f64,
    /// Substitutes' margin lost per extra unit.
    pub loss: f64,
}

impl Sku {
    /// Extra share of the base units at a depth.
    pub fn lift(&self, depth: f64) -> f64 {
        self.alpha * depth + self.beta * depth * depth
    }
}

/// What is expected of a SKU.
pub(super) const SKU: &str = "a SKU number";
/// What is expected of the SKU of a row that may come once.
pub(super) const UNSEEN: &str = "a SKU that no row above names";
const NUMBER: &str = "a number from -1e12 to 1e12";

fn moderate(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Reads `skus.csv`: one row per SKU.
pub(super) fn skus(head: &Head, read: &mut dyn Read) -> Result<Vec<Sku>, FormatError> {
    let mut table = Table::open("skus.csv", read)?;
    let [number, price, margin, alpha, beta] = table.columns(["sku", "price", "unit_margin", "alpha", "beta"])?;
    let (mut skus, mut order) = (Vec::new(), InOrder::new());
    while table.next()? {
        let at = table.index(number, head.n_skus, SKU)?;
        if order.has(at) {
            return Err(table.wrong(number, UNSEEN));
        }
        let sku = Sku {
            price: table.number(price, "a price from 0 to 1e12", |v| (0.0..=LARGEST).contains(&v))?,
            margin: table.number(margin, "a margin from -1e12 to 1e12", moderate)?,
            alpha: table.number(alpha, NUMBER, moderate)?,
            beta: table.number(beta, NUMBER, moderate)?,
            loss: 0.0,
        };
        if let Some(depth) = head.depths.iter().find(|depth| sku.lift(**depth) < 0.0) {
            let expected = format!("alpha and beta with alpha d + beta d^2 of 0 or more at depth {depth}");
            return Err(table.wrong(alpha, expected));
        }
        order.take(at, sku, |_, sku| skus.push(sku));
    }
    if skus.len() < head.n_skus { Err(head.no_row("skus.csv", skus.len())) } else { Ok(skus) }
}

/// Reads `gamma.csv`: what every SKU's extra units take from its substitutes.
pub(super) fn losses(skus: &mut [Sku], read: &mut dyn Read) -> Result<(), FormatError> {
    let mut table = Table::open("gamma.csv", read)?;
    let [i, j, gamma] = table.columns(["sku_i", "sku_j", "gamma_ij"])?;
    let mut once = Once::default();
    while table.next()? {
        let i = table.index(i, skus.len(), SKU)?;
        let j = table.index(j, skus.len(), SKU)?;
        once.note(i, j, table.line());
        skus[i].loss += table.number(gamma, NUMBER, moderate)? * skus[j].margin;
    }
    once.check("gamma.csv", "sku_i and sku_j")
}

/// Reads `stock.csv`: the stock of each SKU over the horizon, that of its tightest distribution centre; nothing for a
/// SKU without a row. Where column `dc` names the centres, each has one row per SKU.
pub(super) fn stock(head: &Head, read: &mut dyn Read) -> Result<Vec<Option<i64>>, FormatError> {
    let mut table = Table::open("stock.csv", read)?;
    let [sku, share, extra] = table.columns(["sku", "share", "extra_units"])?;
    let centre = table.column("dc").ok();
    let (mut once, mut centres) = (Once::default(), HashMap::<Vec<u8>, usize>::new());
    let mut tightest = vec![f64::INFINITY; head.n_skus];
    while table.next()? {
        let at = table.index(sku, head.n_skus, SKU)?;
        if let Some(name) = centre.map(|centre| table.text(centre)) {
            let fresh = centres.len();
            let known = centres.get(name).copied();
            once.note(at, known.unwrap_or_else(|| *centres.entry(name.to_vec()).or_insert(fresh)), table.line());
        }
        let share = table.number(share, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
        let extra = table.number(extra, "0 to 1e12 units", |v| (0.0..=LARGEST).contains(&v))?;
        tightest[at] = tightest[at].min(extra / share.max(1e-6));
    }
    once.check("stock.csv", "sku and dc")?;
    Ok(tightest.into_iter().map(|units| units.is_finite().then(|| units.floor() as i64)).collect())
}
