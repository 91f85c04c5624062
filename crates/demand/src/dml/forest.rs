//! A causal forest: how the effect differs with features of the rows, with intervals.
//!
//! Each tree splits where the effect differs most, by the loss of the R-learner on residuals, and takes the effects of
//! its leaves from weeks that it was not grown on, so that a split that chance suggested finds no effect there. Trees
//! come in small bags that share one half of the weeks; how far the bags differ, beyond how far trees of one bag do,
//! is how far the effect may be off by chance, with the rows of a week kept together. Never a reason to believe in an
//! effect where the overall one was refused: it reads the same residuals.
//!
//! Sources: Nie and Wager (2021) for the R-learner; Athey, Tibshirani and Wager (2019) for honest forests of local
//! moments and their bags; Athey and Wager (2019) for samples of whole clusters.

use super::effect::t_quantile;
use super::error::DmlError;
use super::nuisance::Residuals;
use super::rows::numbered;
use crate::booster::bins::Cuts;
use crate::booster::grow::{Growth, grow};
use crate::booster::histogram::{Cell, Entry, Scale, Uneven, dither};
use crate::booster::tree::{LANES, Tree, Walk};
use crate::booster::{Binned, BoosterError, Table};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Weeks that a forest needs: each tree is grown on a quarter of them and read on another.
const WEEKS_MIN: usize = 16;

/// How a forest is grown.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestSettings {
    /// Bags of trees, each on its own half of the weeks.
    pub bags: usize,
    /// Trees in a bag, 2 or more.
    pub trees_per_bag: usize,
    /// Leaves of a tree at most.
    pub leaves: usize,
    /// Rows in a leaf at least, when it is grown.
    pub rows_min: usize,
    /// Bins per feature at most, 2..=255.
    pub bins: usize,
    /// Coverage of the intervals.
    pub level: f64,
}

/// The effect at one row of features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalEffect {
    /// Change of the outcome per unit of treatment.
    pub mean: f64,
    /// Standard error.
    pub standard_error: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Trees that tell how an effect differs.
#[derive(Clone, Debug)]
pub struct CausalForest {
    cuts: Vec<Cuts>,
    bags: Vec<Vec<HonestTree>>,
    level: f64,
}

/// Mean of treatment times outcome and of treatment squared over the rows of a leaf.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    cross: f64,
    square: f64,
}

#[derive(Clone, Debug)]
struct HonestTree {
    tree: Tree,
    leaves: Vec<Moments>,
}

impl Default for ForestSettings {
    fn default() -> Self {
        Self { bags: 50, trees_per_bag: 4, leaves: 16, rows_min: 40, bins: 63, level: 0.95 }
    }
}

impl CausalForest {
    /// Grows a forest on residuals, features of their rows and the week of each row.
    ///
    /// # Errors
    /// [`DmlError::Ragged`], [`DmlError::TooFewWeeks`], [`DmlError::Setting`], or [`DmlError::Controls`] for features that cannot be used.
    pub fn grow(
        residuals: &Residuals,
        features: &Table,
        week: &[i32],
        settings: &ForestSettings,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, DmlError> {
        let expected = residuals.outcome.len();
        for (what, found) in [("the table of features", features.rows()), ("the list of weeks", week.len())] {
            if found != expected {
                return Err(DmlError::Ragged { what, found, expected });
            }
        }
        if settings.bags < 2 || settings.trees_per_bag < 2 {
            let value = settings.bags.min(settings.trees_per_bag) as f64;
            return Err(DmlError::Setting { name: "bags and trees per bag", value, expected: "2 or more of each" });
        }
        let (week, weeks) = numbered(week);
        if weeks.len() < WEEKS_MIN {
            return Err(DmlError::TooFewWeeks { weeks: weeks.len(), needed: WEEKS_MIN, folds: 4 });
        }
        let binned = Binned::new(features, settings.bins, rng)?;
        let seeds: Vec<u64> = (0..settings.bags).map(|_| rng.random()).collect();
        let grower = Grower { residuals, binned: &binned, week: &week, weeks: weeks.len(), settings };
        let bags = seeds.into_par_iter().map(|seed| grower.bag(&mut ChaCha8Rng::seed_from_u64(seed))).collect();
        Ok(Self { cuts: binned.cuts, bags, level: settings.level })
    }

    /// Returns the effect at each row of features.
    ///
    /// # Errors
    /// [`BoosterError::Columns`] for other features than the forest was grown on.
    pub fn effects(&self, features: &Table) -> Result<Vec<LocalEffect>, BoosterError> {
        let expected: String = self.cuts.iter().map(Cuts::kind).collect();
        let found: String = features.columns().iter().map(|column| column.kind()).collect();
        if found != expected {
            return Err(BoosterError::Columns { found, expected });
        }
        let binned = Binned::with(features, self.cuts.clone());
        let walks: Vec<Vec<Walk>> =
            self.bags.iter().map(|bag| bag.iter().map(|tree| tree.tree.walk()).collect()).collect();
        Ok((0..features.rows() as u32).into_par_iter().map(|row| self.effect(&binned, &walks, row)).collect())
    }

    fn effect(&self, binned: &Binned, walks: &[Vec<Walk>], row: u32) -> LocalEffect {
        let moments = |(bag, walks): (&Vec<HonestTree>, &Vec<Walk>)| -> Vec<Moments> {
            bag.iter().zip(walks).map(|(tree, walk)| tree.leaves[leaf(walk, binned, row)]).collect()
        };
        let bags: Vec<Vec<Moments>> = self.bags.iter().zip(walks).map(moments).collect();
        let sum = |pick: fn(&Moments) -> f64| bags.iter().flatten().map(pick).sum::<f64>();
        let (cross, square) = (sum(|m| m.cross), sum(|m| m.square));
        let mean = if square > 0.0 { cross / square } else { 0.0 };
        let (count, trees) = (bags.len() as f64, bags[0].len() as f64);
        let score = |m: &Moments| m.cross - mean * m.square;
        let (mut between, mut within) = (0.0, 0.0);
        for bag in &bags {
            let middle = bag.iter().map(score).sum::<f64>() / trees;
            between += middle * middle / (count - 1.0);
            within += bag.iter().map(|m| (score(m) - middle).powi(2)).sum::<f64>() / (trees - 1.0) / count;
        }
        // What trees of one bag differ by is chance of the forest, not of the data; a share of it may stay.
        let variance = (between - within / trees).max(between / trees);
        let slope = square / (count * trees);
        let standard_error = if slope > 0.0 { variance.sqrt() / slope } else { f64::INFINITY };
        let reach = t_quantile(count - 1.0, self.level) * standard_error;
        LocalEffect { mean, standard_error, low: mean - reach, high: mean + reach }
    }
}

fn leaf(walk: &Walk, binned: &Binned, row: u32) -> usize {
    let mut nodes = [0; LANES];
    walk.leaves_of(binned, &[row], &mut nodes);
    nodes[0] as usize
}

/// What all trees of a forest are grown from.
struct Grower<'a> {
    residuals: &'a Residuals,
    binned: &'a Binned,
    week: &'a [u32],
    weeks: usize,
    settings: &'a ForestSettings,
}

impl Grower<'_> {
    fn bag(&self, rng: &mut ChaCha8Rng) -> Vec<HonestTree> {
        let mut weeks: Vec<usize> = (0..self.weeks).collect();
        weeks.shuffle(rng);
        weeks.truncate(self.weeks / 2);
        let mut tree = || {
            weeks.shuffle(rng);
            let (grown_on, read_on) = weeks.split_at(weeks.len() / 2);
            self.tree(&self.rows_of(grown_on), &self.rows_of(read_on), rng.random())
        };
        (0..self.settings.trees_per_bag).map(|_| tree()).collect()
    }

    fn rows_of(&self, weeks: &[usize]) -> Vec<u32> {
        let mut chosen = vec![false; self.weeks];
        weeks.iter().for_each(|&week| chosen[week] = true);
        (0..self.week.len() as u32).filter(|&row| chosen[self.week[row as usize] as usize]).collect()
    }

    fn tree(&self, grown_on: &[u32], read_on: &[u32], salt: u32) -> HonestTree {
        let value = |row: u32| (self.residuals.treatment[row as usize], self.residuals.outcome[row as usize]);
        let (mut cross, mut square) = (0.0, 0.0);
        for (t, y) in grown_on.iter().map(|&row| value(row)) {
            (cross, square) = (cross + t * y, square + t * t);
        }
        let common = if square > 0.0 { cross / square } else { 0.0 };
        let derivatives: Vec<(f32, f32)> = grown_on
            .iter()
            .map(|&row| {
                let (t, y) = value(row);
                ((-t * (y - common * t)) as f32, (t * t) as f32)
            })
            .collect();
        let most = |pick: fn(&(f32, f32)) -> f32| derivatives.iter().map(pick).fold(0.0, f32::max);
        let scale = Scale::of(grown_on.len(), most(|d| d.0.abs()), most(|d| d.1));
        let mut entries: Vec<Entry<[i32; 2]>> = grown_on
            .iter()
            .zip(&derivatives)
            .map(|(&row, d)| Entry { row, derivative: Uneven::round(d.0, d.1, &scale, dither(row, salt)) })
            .collect();
        let columns: Vec<usize> = (0..self.binned.width).collect();
        let (tree, _) = grow::<Uneven>(self.binned, &columns, &mut entries, scale, &self.growth(square));
        let leaves = self.read(&tree, read_on);
        HonestTree { tree, leaves }
    }

    fn growth(&self, square: f64) -> Growth {
        let settings = self.settings;
        Growth {
            leaves: settings.leaves,
            rows_min: settings.rows_min.max(1),
            // A leaf must hold its share of how far the treatment moved, else it cannot tell an effect.
            curvature_min: square / (4.0 * settings.leaves as f64),
            ridge: 0.0,
            gain_min: 0.0,
            category_smoothing: 0.0,
        }
    }

    /// Takes the leaves' moments from rows that the tree was not grown on.
    fn read(&self, tree: &Tree, rows: &[u32]) -> Vec<Moments> {
        let walk = tree.walk();
        let mut sums = vec![(Moments::default(), 0.0); tree.nodes.len()];
        for rows in rows.chunks(LANES) {
            let mut nodes = [0; LANES];
            walk.leaves_of(self.binned, rows, &mut nodes);
            for (&row, node) in rows.iter().zip(nodes) {
                let (t, y) = (self.residuals.treatment[row as usize], self.residuals.outcome[row as usize]);
                let (sum, count) = &mut sums[node as usize];
                *sum = Moments { cross: sum.cross + t * y, square: sum.square + t * t };
                *count += 1.0;
            }
        }
        let mean = |(sum, count): (Moments, f64)| match count > 0.0 {
            true => Moments { cross: sum.cross / count, square: sum.square / count },
            false => Moments::default(),
        };
        sums.into_iter().map(mean).collect()
    }
}
