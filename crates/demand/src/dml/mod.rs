//! Double machine learning: the effect of a treatment when much else moves both it and the outcome.
//!
//! The level of each unit is taken out, then what the controls explain of outcome and treatment, each block of weeks
//! predicted from the other weeks; the effect is how the rest of the one follows the rest of the other. Never splits
//! a week between folds, since rows of a week share their shocks. Never an answer to demand signals that the
//! controls do not hold: those bias it as they bias any regression.
//!
//! Sources: Chernozhukov et al. (2018) for the orthogonal score and cross-fitting; Robinson (1988) for the partially
//! linear model; Clarke and Polselli (2025) for it on panels with unit levels. Others are named in the modules.

mod effect;
mod error;
mod forest;
mod nuisance;
mod panel;
mod rows;
#[cfg(test)]
mod tests;

pub use effect::Effect;
pub use error::DmlError;
pub use forest::{CausalForest, ForestSettings, LocalEffect};
pub use nuisance::Residuals;
pub use panel::{ItemEffect, PanelEffects, PooledEffect, estimate_panel};
pub use rows::{DmlSettings, Rows};

use effect::{check_moved, check_overlap, effect};
use nuisance::{residuals, weeks};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rows::{Levels, numbered};

/// What double machine learning found.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The one effect that fits all rows best: segments count by how much their treatment moved.
    pub overall: Effect,
    /// The effect of each segment in the order of their codes, or why it cannot be told; empty without segments.
    pub segments: Vec<(u32, Result<Effect, DmlError>)>,
    /// What the controls left of outcome and treatment.
    pub residuals: Residuals,
}

/// Estimates the effect of a treatment, overall and by segment.
///
/// # Errors
/// [`DmlError`] for columns that do not fit together, too few weeks, a treatment that does not move, or controls that
/// leave nothing of it. A segment's refusal stands in its place and stops no other.
pub fn estimate(rows: &Rows, settings: &DmlSettings, rng: &mut ChaCha8Rng) -> Result<Estimate, DmlError> {
    rows.check(settings)?;
    let residuals = residuals(rows, settings, rng)?;
    check_overlap(&residuals)?;
    let (week, weeks) = weeks(rows);
    let all: Vec<u32> = (0..rows.outcome.len() as u32).collect();
    let overall = effect(&residuals, &all, &week, weeks, settings.level)?;
    let moved = Levels::of(rows.unit, all.len()).deviations(rows.treatment);
    let segments = rows.segment.map_or_else(Vec::new, |segment| {
        let one = |(code, rows): (u32, Vec<u32>)| {
            let told = check_moved(&residuals, &moved, &rows);
            (code, told.and_then(|()| effect(&residuals, &rows, &week, weeks, settings.level)))
        };
        parts(segment).into_par_iter().map(one).collect()
    });
    Ok(Estimate { overall, segments, residuals })
}

/// Lists the rows of each segment.
fn parts(segment: &[u32]) -> Vec<(u32, Vec<u32>)> {
    let (of, codes) = numbered(segment);
    let mut parts: Vec<(u32, Vec<u32>)> = codes.into_iter().map(|code| (code, Vec::new())).collect();
    of.iter().enumerate().for_each(|(row, &part)| parts[part as usize].1.push(row as u32));
    parts
}
