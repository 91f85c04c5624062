//! Promotion instances: a folder of files with SKUs, weeks and depths.
//!
//! Files are read row by row and the problem is built SKU by SKU, so that little more than the problem is ever held;
//! rows may come in any order, and those that come early are kept until it is their turn.

use super::draft::Draft;
use super::error::FormatError;
use super::sheets::{Head, losses, skus, stock};
use crate::solve::{NONE, Problem, Solution};
use std::io::Read;

/// The files of an instance folder, opened.
#[derive(Clone, Copy, Debug)]
pub struct PromotionFiles<R> {
    /// `instance.json`.
    pub instance: R,
    /// `skus.csv`.
    pub skus: R,
    /// `base.csv`.
    pub base: R,
    /// `gamma.csv`.
    pub gamma: R,
    /// `stock.csv`.
    pub stock: R,
    /// `pairs.csv`; nothing for no pairs.
    pub pairs: Option<R>,
    /// `triples.csv`, the expanded values; where there is one, it wins over `base.csv` and the formulas.
    pub triples: Option<R>,
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

/// Reads an instance.
///
/// # Errors
/// [`FormatError`] with file, line and column of the first thing that does not fit.
pub fn promotion<R: Read>(mut files: PromotionFiles<R>) -> Result<PromotionInstance, FormatError> {
    let head = Head::read(&mut files.instance)?;
    let mut skus = skus(&head, &mut files.skus)?;
    losses(&mut skus, &mut files.gamma)?;
    let stock = stock(&head, &mut files.stock)?;
    let mut draft = Draft::begin(&head, &stock);
    match &mut files.triples {
        Some(triples) => draft.expanded(triples)?,
        None => draft.computed(&skus, &mut files.base)?,
    }
    if let Some(pairs) = &mut files.pairs {
        draft.pairs(pairs)?;
    }
    let file = if files.triples.is_some() { "triples.csv" } else { "base.csv" };
    let problem = draft.end().map_err(|source| FormatError::Problem { file: file.to_owned(), source })?;
    Ok(PromotionInstance { name: head.name, depths: head.depths, problem })
}

impl PromotionInstance {
    /// Rows of the plan: SKU, week and index of the depth, in order.
    pub fn rows(&self, solution: &Solution) -> Vec<(usize, usize, u32)> {
        let periods = self.problem.periods();
        let chosen = solution.choice.iter().enumerate().filter(|&(_, &column)| column != NONE);
        chosen.map(|(at, &column)| (at / periods, at % periods, self.problem.option(column))).collect()
    }
}
