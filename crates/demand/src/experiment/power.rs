//! How large an effect a test would see, from tests of nothing on the history itself.
//!
//! The test is moved to past windows in which nothing was tested, places are matched and drawn as they would be, and
//! the reading is made: what it shows is noise, with its weeks, regions and counts as they are (placebo, A/A). A lift
//! of all treated sales moves such a reading by exactly that lift, so that one set of placebos gives the power at
//! every effect. How often they find an effect where there is none is told beside it.
//!
//! Never promises more than the windows carry: with few windows the weeks ahead may be rougher than those seen.

use super::arm::Arm;
use super::grid::Grid;
use super::inference::{Inference, infer};
use super::matching::{Match, match_places};
use super::pairs::{Comparison, Keep, compare, weigh};
use endcap_model::{Period, Span};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Most windows of the history that a test is tried in.
const WINDOWS_MAX: usize = 20;
/// Placebo tests in all windows together.
const PLACEBOS: usize = 400;
/// Share of the pairs that a placebo must have kept to stand for the test.
const PAIRS_KEPT_MIN: f64 = 0.8;
/// Assignments that a placebo test is compared with.
const ASSIGNMENTS: usize = 1_000;

/// What a test would see, by placebo tests on the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// Log lift that is to be seen.
    pub effect: f64,
    /// Share of tests that would see it.
    pub power: f64,
    /// Smallest log lift that the share of tests asked for would see; nothing when none is.
    pub detectable: Option<f64>,
    /// Share of placebo tests that saw an effect where there was none.
    pub false_positives: f64,
    /// Standard error of the log lift.
    pub se: f64,
    /// Windows of the history that were tried.
    pub windows: usize,
    /// Placebo tests.
    pub placebos: usize,
}

/// Shape of a test, wherever it is put.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) control: Arm,
    pub(crate) before: usize,
    pub(crate) length: usize,
    pub(crate) level: f64,
}

/// Readings of tests of nothing.
pub(crate) struct Placebos {
    readings: Vec<Inference>,
    windows: usize,
}

impl Shape {
    /// Puts the test at a period of the history, as a placebo: both arms at the control's terms.
    fn placebo_at(self, start: Period) -> Comparison {
        Comparison {
            control: self.control,
            treatment: self.control,
            before: Span { start: start.plus(-(self.before as i32)), end: start },
            test: Span::of_length(start, self.length),
            keep: Keep::SameTerms,
        }
    }
}

/// Tries the shape with its `pairs` best pairs in windows of the history; empty when none fits.
pub(crate) fn placebos(grid: &Grid, shape: Shape, pairs: usize, seed: u64) -> Placebos {
    let starts = window_starts(grid.span, shape);
    let each = PLACEBOS.div_ceil(starts.len().max(1));
    let kept = PAIRS_KEPT_MIN * pairs as f64;
    let readings: Vec<Inference> = starts
        .par_iter()
        .enumerate()
        .flat_map_iter(|(window, &start)| {
            let how = shape.placebo_at(start);
            let matches = match_places(grid, how.before);
            let best = matches.into_iter().take(pairs).collect::<Vec<_>>();
            (0..each).filter_map(move |repeat| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream((window * each + repeat) as u64);
                placebo(grid, &best, how, shape.level, &mut rng).filter(|read| read.pairs as f64 >= kept)
            })
        })
        .collect();
    Placebos { readings, windows: starts.len() }
}

/// Starts of the windows, evenly spread over the history.
fn window_starts(span: Span, shape: Shape) -> Vec<Period> {
    let room = span.len() as i64 - (shape.before + shape.length) as i64;
    if room < 0 {
        return Vec::new();
    }
    let windows = (room as usize + 1).min(WINDOWS_MAX);
    let step = |window: usize| if windows > 1 { room as usize * window / (windows - 1) } else { room as usize };
    (0..windows).map(|window| span.start.plus((shape.before + step(window)) as i32)).collect()
}

fn placebo(grid: &Grid, matches: &[Match], how: Comparison, level: f64, rng: &mut ChaCha8Rng) -> Option<Inference> {
    let compared: Vec<_> = matches.iter().filter_map(|found| compare(grid, assign(found.places, rng), how).0).collect();
    (!compared.is_empty()).then(|| infer(&weigh(&compared, how.before), level, ASSIGNMENTS, rng))
}

/// Tosses the coin of a pair: the treated place comes first.
pub(crate) fn assign(places: [usize; 2], rng: &mut ChaCha8Rng) -> [usize; 2] {
    if rng.random() { [places[1], places[0]] } else { places }
}

impl Placebos {
    /// Says what share of tests would see an effect, and which effect the share asked for would see.
    pub(crate) fn power(&self, effect: f64, share: f64) -> Option<Power> {
        if self.readings.is_empty() {
            return None;
        }
        let n = self.readings.len();
        let mut needed: Vec<f64> =
            self.readings.iter().map(|reading| if effect < 0.0 { reading.hi } else { -reading.lo }).collect();
        needed.sort_by(f64::total_cmp);
        let seen = needed.partition_point(|&needed| needed < effect.abs());
        let at = ((share * n as f64).ceil() as usize).clamp(1, n) - 1;
        let wrong = self.readings.iter().filter(|reading| reading.rules_out_none()).count();
        Some(Power {
            effect,
            power: seen as f64 / n as f64,
            detectable: Some(needed[at].max(0.0)).filter(|needed| needed.is_finite()),
            false_positives: wrong as f64 / n as f64,
            se: self.se(),
            windows: self.windows,
            placebos: n,
        })
    }

    /// Root mean square of the log lifts that the placebos show.
    fn se(&self) -> f64 {
        let shown: Vec<f64> = self.readings.iter().map(|reading| reading.log_lift).filter(|l| l.is_finite()).collect();
        (shown.iter().map(|lift| lift * lift).sum::<f64>() / shown.len().max(1) as f64).sqrt()
    }
}
