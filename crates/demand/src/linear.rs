//! Small dense linear algebra: a Cholesky factor that leaves out columns which say nothing new, and weighted least
//! squares with two sets of levels, one of which is eliminated.
//!
//! Source of the elimination: Henderson (1975), mixed-model equations; the eliminated levels are diagonal there.

/// Share of a column's own sum of squares that must be left after the columns before it, else it is left out.
const COLLINEAR: f64 = 1e-9;

/// A symmetric matrix of which only the lower triangle is kept.
#[derive(Clone, Debug)]
pub(crate) struct Symmetric {
    pub(crate) size: usize,
    values: Vec<f64>,
}

/// The Cholesky factor of a [`Symmetric`] matrix, without the columns that were collinear with earlier ones.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    size: usize,
    values: Vec<f64>,
    left_out: Vec<bool>,
}

impl Symmetric {
    pub(crate) fn zeros(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    pub(crate) fn at(&mut self, row: usize, column: usize) -> &mut f64 {
        debug_assert!(column <= row);
        &mut self.values[row * self.size + column]
    }

    /// Returns the product with a vector.
    pub(crate) fn times(&self, v: &[f64]) -> Vec<f64> {
        let entry = |row: usize, column: usize| self.values[row.max(column) * self.size + row.min(column)];
        (0..self.size).map(|row| v.iter().enumerate().map(|(column, x)| entry(row, column) * x).sum()).collect()
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        debug_assert!(column <= row);
        self.values[row * self.size + column]
    }

    /// Adds `scale * v v'`.
    pub(crate) fn add_outer(&mut self, scale: f64, v: &[f64]) {
        for (row, &a) in v.iter().enumerate() {
            let scaled = scale * a;
            if scaled != 0.0 {
                let start = row * self.size;
                self.values[start..=start + row].iter_mut().zip(v).for_each(|(entry, b)| *entry += scaled * b);
            }
        }
    }

    /// Factors the matrix.
    pub(crate) fn factor(mut self) -> Factor {
        let n = self.size;
        let mut left_out = vec![false; n];
        for row in 0..n {
            let own = self.values[row * n + row];
            for column in 0..=row {
                let (above, below) = self.values.split_at_mut(row * n);
                let lower = &mut below[..n];
                let dot = |other: &[f64]| -> f64 { lower[..column].iter().zip(other).map(|(a, b)| a * b).sum() };
                if column == row {
                    let pivot = own - lower[..row].iter().map(|a| a * a).sum::<f64>();
                    left_out[row] = pivot <= COLLINEAR * own.abs() || !pivot.is_finite() || pivot <= f64::MIN_POSITIVE;
                    lower[row] = if left_out[row] { 1.0 } else { pivot.sqrt() };
                    if left_out[row] {
                        lower[..row].fill(0.0);
                    }
                } else if left_out[column] {
                    lower[column] = 0.0;
                } else {
                    let other = &above[column * n..column * n + column + 1];
                    lower[column] = (lower[column] - dot(&other[..column])) / other[column];
                }
            }
        }
        Factor { size: n, values: self.values, left_out }
    }
}

impl Factor {
    /// Solves for one right-hand side in place; entries of left-out columns become 0.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        let n = self.size;
        for row in 0..n {
            if self.left_out[row] {
                b[row] = 0.0;
                continue;
            }
            let line = &self.values[row * n..row * n + row + 1];
            let sum: f64 = line[..row].iter().zip(&*b).map(|(a, x)| a * x).sum();
            b[row] = (b[row] - sum) / line[row];
        }
        for row in (0..n).rev() {
            if self.left_out[row] {
                b[row] = 0.0;
                continue;
            }
            b[row] /= self.values[row * n + row];
            let (known, value) = (&self.values[row * n..row * n + row], b[row]);
            b[..row].iter_mut().zip(known).for_each(|(x, a)| *x -= a * value);
        }
    }

    /// Returns what the matrix is for its last rows and columns once the others are eliminated.
    pub(crate) fn remainder(&self, size: usize) -> Symmetric {
        let (n, first) = (self.size, self.size - size);
        let mut rest = Symmetric::zeros(size);
        for row in 0..size {
            let line = &self.values[(first + row) * n + first..][..=row];
            for column in 0..=row {
                let other = &self.values[(first + column) * n + first..][..=column];
                *rest.at(row, column) = line.iter().zip(other).map(|(a, b)| a * b).sum();
            }
        }
        rest
    }

    /// Returns the diagonal of the inverse; entries of left-out columns are infinite.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.size;
        let mut diagonal: Vec<f64> = self.left_out.iter().map(|&out| if out { f64::INFINITY } else { 0.0 }).collect();
        let mut column = vec![0.0; n];
        for start in (0..n).filter(|&start| !self.left_out[start]) {
            // One column of the inverse of the factor: its squares add up to one entry.
            column[start..].fill(0.0);
            for row in start..n {
                let line = &self.values[row * n..row * n + row + 1];
                let known: f64 = line[start..row].iter().zip(&column[start..row]).map(|(a, x)| a * x).sum();
                let right = f64::from(u8::from(row == start));
                column[row] = if self.left_out[row] { 0.0 } else { (right - known) / line[row] };
            }
            diagonal[start] += column[start..].iter().map(|x| x * x).sum::<f64>();
        }
        diagonal
    }

    /// Returns the logarithm of the determinant of what was not left out.
    pub(crate) fn log_determinant(&self) -> f64 {
        let kept = (0..self.size).filter(|&row| !self.left_out[row]);
        2.0 * kept.map(|row| self.values[row * self.size + row].ln()).sum::<f64>()
    }
}

/// Observations of a weighted least-squares problem `z = kept[k] + eliminated[e] + x b + error`.
pub(crate) struct Cells<'a> {
    /// Columns of `x`.
    pub(crate) columns: usize,
    /// Regressors, row by row.
    pub(crate) x: &'a [f64],
    /// Level of the eliminated set, per row.
    pub(crate) eliminated: &'a [u32],
    /// Number of eliminated levels.
    pub(crate) eliminated_levels: usize,
    /// Level of the kept set, per row.
    pub(crate) kept: &'a [u32],
    /// Number of kept levels.
    pub(crate) kept_levels: usize,
}

/// Precision of the normal priors around zero: 1 / variance.
pub(crate) struct Ridges<'a> {
    pub(crate) eliminated: f64,
    pub(crate) kept: f64,
    pub(crate) columns: &'a [f64],
}

/// Right-hand side or solution over all three parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) eliminated: Vec<f64>,
    pub(crate) kept: Vec<f64>,
    pub(crate) columns: Vec<f64>,
}

/// The reduced and factored normal equations; solves for any number of right-hand sides.
pub(crate) struct Reduced {
    columns: usize,
    /// 1 / (sum of weights + ridge) per eliminated level.
    pub(crate) scale: Vec<f64>,
    /// Per eliminated level: weighted sums over kept levels and columns.
    sums: Vec<f64>,
    kept_levels: usize,
    pub(crate) factor: Factor,
}

impl Reduced {
    /// Builds and factors the normal equations for the weights given.
    pub(crate) fn new(cells: &Cells, weights: &[f64], ridges: &Ridges) -> Self {
        let (k, kept) = (cells.columns, cells.kept_levels);
        let size = kept + k;
        let mut normal = Symmetric::zeros(size);
        let mut sums = vec![0.0; cells.eliminated_levels * size];
        let mut totals = vec![ridges.eliminated; cells.eliminated_levels];
        for (row, &w) in weights.iter().enumerate() {
            if w == 0.0 {
                continue;
            }
            let x = &cells.x[row * k..(row + 1) * k];
            let (e, level) = (cells.eliminated[row] as usize, cells.kept[row] as usize);
            totals[e] += w;
            let sum = &mut sums[e * size..(e + 1) * size];
            sum[level] += w;
            sum[kept..].iter_mut().zip(x).for_each(|(s, v)| *s += w * v);
            *normal.at(level, level) += w;
            for (i, &v) in x.iter().enumerate() {
                if v != 0.0 {
                    let line = (kept + i) * size;
                    let scaled = w * v;
                    normal.values[line + level] += scaled;
                    let start = line + kept;
                    normal.values[start..=start + i].iter_mut().zip(x).for_each(|(entry, b)| *entry += scaled * b);
                }
            }
        }
        let scale: Vec<f64> = totals.iter().map(|&total| if total > 0.0 { 1.0 / total } else { 0.0 }).collect();
        for (e, &f) in scale.iter().enumerate() {
            normal.add_outer(-f, &sums[e * size..(e + 1) * size]);
        }
        (0..kept).for_each(|level| *normal.at(level, level) += ridges.kept);
        (0..k).for_each(|i| *normal.at(kept + i, kept + i) += ridges.columns[i]);
        Self { columns: k, scale, sums, kept_levels: kept, factor: normal.factor() }
    }

    /// Information about the columns once all levels are eliminated, priors included.
    pub(crate) fn information(&self) -> Symmetric {
        self.factor.remainder(self.columns)
    }

    fn sums_of(&self, e: usize) -> &[f64] {
        let size = self.kept_levels + self.columns;
        &self.sums[e * size..(e + 1) * size]
    }

    /// Solves for all three parts.
    pub(crate) fn solve(&self, right: &Parts) -> Parts {
        let mut b: Vec<f64> = right.kept.iter().chain(&right.columns).copied().collect();
        for (e, &value) in right.eliminated.iter().enumerate() {
            let scaled = self.scale[e] * value;
            if scaled != 0.0 {
                b.iter_mut().zip(self.sums_of(e)).for_each(|(entry, s)| *entry -= scaled * s);
            }
        }
        self.factor.solve(&mut b);
        let eliminated = (0..self.scale.len())
            .map(|e| {
                let carried: f64 = self.sums_of(e).iter().zip(&b).map(|(s, v)| s * v).sum();
                self.scale[e] * (right.eliminated.get(e).copied().unwrap_or(0.0) - carried)
            })
            .collect();
        let columns = b.split_off(self.kept_levels);
        Parts { eliminated, kept: b, columns }
    }

    /// Returns the prediction-error variance of `kept[k] + eliminated[e] + x b` (Henderson 1975).
    pub(crate) fn variance_of(&self, e: usize, k: usize, x: &[f64]) -> f64 {
        let f = self.scale[e];
        let mut h: Vec<f64> = self.sums_of(e).iter().map(|s| -f * s).collect();
        h[k] += 1.0;
        h[self.kept_levels..].iter_mut().zip(x).for_each(|(entry, v)| *entry += v);
        let direction = h.clone();
        self.factor.solve(&mut h);
        f + direction.iter().zip(&h).map(|(a, b)| a * b).sum::<f64>()
    }
}

/// Product of two vectors, in four sums that do not wait for each other.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (four_a, rest_a) = a.as_chunks::<4>();
    let (four_b, rest_b) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (x, y) in four_a.iter().zip(four_b) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(x, y)| x * y).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_column_that_repeats_another_is_left_out_and_the_rest_is_solved() {
        let mut matrix = Symmetric::zeros(3);
        for v in [[1.0, 1.0, 0.0], [2.0, 2.0, 1.0], [0.0, 0.0, 3.0]] {
            matrix.add_outer(1.0, &v);
        }
        let factor = matrix.factor();
        let mut b = [9.0, 9.0, 15.0];
        factor.solve(&mut b);
        assert!(factor.left_out[1] && b[1] == 0.0);
        // Without the repeated column: [5 2; 2 10] b = [9, 15].
        assert!((b[0] - 60.0 / 46.0).abs() < 1e-12 && (b[2] - 57.0 / 46.0).abs() < 1e-12, "{b:?}");
    }

    proptest! {
        #[test]
        fn eliminating_either_set_of_levels_gives_the_same_solution(
            z in prop::collection::vec(-2.0f64..2.0, 12),
            x in prop::collection::vec(-2.0f64..2.0, 12),
            w in prop::collection::vec(0.1f64..2.0, 12),
        ) {
            let rows: Vec<u32> = (0..12).map(|row| row / 4).collect();
            let columns: Vec<u32> = (0..12).map(|row| row % 4).collect();
            let solve = |e: &[u32], n_e: usize, r_e: f64, k: &[u32], n_k: usize, r_k: f64| {
                let cells = Cells { columns: 1, x: &x, eliminated: e, eliminated_levels: n_e, kept: k, kept_levels: n_k };
                let reduced = Reduced::new(&cells, &w, &Ridges { eliminated: r_e, kept: r_k, columns: &[0.5] });
                let mut right =
                    Parts { eliminated: vec![0.0; n_e], kept: vec![0.0; n_k], columns: vec![0.0] };
                for row in 0..12 {
                    right.eliminated[e[row] as usize] += w[row] * z[row];
                    right.kept[k[row] as usize] += w[row] * z[row];
                    right.columns[0] += w[row] * z[row] * x[row];
                }
                (reduced.solve(&right), reduced.variance_of(0, 1, &[0.3]))
            };
            let (a, variance_a) = solve(&rows, 3, 0.7, &columns, 4, 0.2);
            let (b, _) = solve(&columns, 4, 0.2, &rows, 3, 0.7);
            let (_, variance_b) = {
                let swapped = solve(&columns, 4, 0.2, &rows, 3, 0.7);
                let cells = Cells { columns: 1, x: &x, eliminated: &columns, eliminated_levels: 4, kept: &rows, kept_levels: 3 };
                let reduced = Reduced::new(&cells, &w, &Ridges { eliminated: 0.2, kept: 0.7, columns: &[0.5] });
                (swapped.0, reduced.variance_of(1, 0, &[0.3]))
            };
            prop_assert!((a.columns[0] - b.columns[0]).abs() < 1e-9);
            prop_assert!(a.kept.iter().zip(&b.eliminated).all(|(p, q)| (p - q).abs() < 1e-9));
            prop_assert!((variance_a - variance_b).abs() < 1e-9);
        }
    }
}
