//! A menu in floating point, and bounds that hold in spite of it: any prices, however they were found, become a proven
//! bound with an allowance for the arithmetic.
//!
//! # Source
//! Geoffrion (1974), Lagrangian relaxation; Neumaier and Shcherbina (2004), safe bounds from rounded prices.

use super::menu::Menu;

/// Candidates that may still be chosen, by group.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Start of each group, `groups + 1`.
    starts: Vec<u32>,
    /// The candidates, rising.
    pub list: Vec<u32>,
}

impl Allowed {
    /// All candidates of a menu.
    pub fn all(menu: &Menu) -> Self {
        Self { starts: menu.starts.clone(), list: (0..menu.values.len() as u32).collect() }
    }

    /// The candidates of a group.
    pub fn of(&self, group: usize) -> &[u32] {
        &self.list[self.starts[group] as usize..self.starts[group + 1] as usize]
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether some group has none left.
    pub fn lacks(&self) -> bool {
        self.starts.windows(2).any(|two| two[0] == two[1])
    }

    /// Keeps the candidates for which `keep` holds, given their group.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, u32) -> bool) {
        let (mut from, mut kept) = (0, 0);
        for group in 0..self.groups() {
            let to = self.starts[group + 1] as usize;
            for at in from..to {
                let candidate = self.list[at];
                if keep(group, candidate) {
                    self.list[kept] = candidate;
                    kept += 1;
                }
            }
            from = to;
            self.starts[group + 1] = kept as u32;
        }
        self.list.truncate(kept);
    }
}

/// A menu in floating point, with limits scaled so that the largest use of each is about 1.
#[derive(Clone, Debug)]
pub struct Relaxed {
    /// Group of each candidate.
    pub group_of: Vec<u32>,
    /// What each candidate is worth before it pays for limits.
    worth: Vec<f64>,
    /// The same less a trifle, so that no two candidates tie; good for finding prices only.
    pub tilted: Vec<f64>,
    use_starts: Vec<u32>,
    uses: Vec<(u32, f64)>,
    /// Least use of each limit, scaled.
    pub least: Vec<f64>,
    /// Most use of each limit, scaled.
    pub most: Vec<f64>,
    scale: Vec<f64>,
    /// Added to every choice's worth.
    pub constant: f64,
    /// Terms of the longest sum in [`Relaxed::prove`], at most.
    terms: f64,
}

/// What some prices prove.
#[derive(Clone, Debug, Default)]
pub struct Proven {
    /// No choice of allowed candidates is worth more.
    pub bound: f64,
    /// Allowance for rounding, already in the bound.
    allowance: f64,
    /// Best worth of each group after paying.
    tops: Vec<f64>,
}

impl Relaxed {
    /// Puts a menu into floating point. A choice is worth what its candidates are and the constant, at least. `tilt` is
    /// the most that all tilts together may come to.
    pub fn new(menu: &Menu, worth: Vec<f64>, constant: f64, least: &[i64], most: &[i64], tilt: f64) -> Self {
        let mut largest = vec![1i64; most.len()];
        for &(limit, amount) in &menu.uses {
            largest[limit as usize] = largest[limit as usize].max(amount);
        }
        // Powers of two: scaling rounds nothing.
        let scale: Vec<f64> = largest.iter().map(|&amount| 0.5f64.powi(64 - amount.leading_zeros() as i32)).collect();
        let scaled =
            |amounts: &[i64]| amounts.iter().zip(&scale).map(|(&amount, scale)| amount as f64 * scale).collect();
        let longest = menu.use_starts.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0);
        // Golden section: neighbours come out far apart, and the same in every run.
        let part = |candidate: usize| (candidate as f64 * 0.618_033_988_749_895).fract();
        let tilted =
            worth.iter().enumerate().map(|(at, worth)| worth - tilt / menu.groups() as f64 * part(at)).collect();
        Self {
            group_of: (0..menu.groups()).flat_map(|group| menu.candidates(group).map(move |_| group as u32)).collect(),
            worth,
            tilted,
            use_starts: menu.use_starts.clone(),
            uses: menu.uses.iter().map(|&(limit, amount)| (limit, amount as f64 * scale[limit as usize])).collect(),
            least: scaled(least),
            most: scaled(most),
            scale,
            constant,
            terms: (menu.groups() + most.len() + longest as usize + 8) as f64,
        }
    }

    /// Number of limits.
    pub fn limits(&self) -> usize {
        self.most.len()
    }

    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.worth.len()
    }

    /// What a candidate uses, scaled.
    pub fn uses_of(&self, candidate: u32) -> &[(u32, f64)] {
        &self.uses[self.use_starts[candidate as usize] as usize..self.use_starts[candidate as usize + 1] as usize]
    }

    /// How much of a limit may be left unused, scaled.
    pub fn range(&self, limit: usize) -> f64 {
        self.most[limit] - self.least[limit]
    }

    /// What one unscaled unit of a limit costs at these prices.
    pub fn price(&self, prices: &[f64], limit: usize) -> f64 {
        prices[limit] * self.scale[limit]
    }

    /// Worth after paying, and the sum of the sizes of its terms.
    fn net(&self, candidate: u32, prices: &[f64]) -> (f64, f64) {
        let worth = self.worth[candidate as usize];
        self.uses_of(candidate).iter().fold((worth, worth.abs()), |(net, size), &(limit, amount)| {
            let paid = amount * prices[limit as usize];
            (net - paid, size + paid.abs())
        })
    }

    /// Proves a bound from any prices.
    ///
    /// Every sum has at most `terms` terms, so it is off by less than `terms` times the machine epsilon times the sum of
    /// their sizes (Higham 2002, section 4.2); twice that is allowed.
    pub fn prove(&self, prices: &[f64], allowed: &Allowed, into: &mut Proven) {
        let (mut bound, mut size) = (self.constant, self.constant.abs());
        for ((&price, &most), &least) in prices.iter().zip(&self.most).zip(&self.least) {
            let sold = price * if price > 0.0 { most } else { least };
            bound += sold;
            size += sold.abs();
        }
        into.tops.clear();
        for group in 0..allowed.groups() {
            let (mut top, mut widest) = (f64::NEG_INFINITY, 0.0f64);
            for &candidate in allowed.of(group) {
                let (net, terms) = self.net(candidate, prices);
                top = top.max(net);
                widest = widest.max(terms);
            }
            into.tops.push(top);
            bound += top;
            size += widest;
        }
        into.allowance = 2.0 * self.terms * f64::EPSILON * size;
        into.bound = bound + into.allowance;
    }

    /// Drops the candidates with which no choice reaches `target`, by what the prices prove about the same candidates.
    pub fn drop_losers(&self, prices: &[f64], proven: &Proven, target: f64, allowed: &mut Allowed) {
        let spare = proven.bound + proven.allowance - target;
        allowed.retain(|group, candidate| proven.tops[group] - self.net(candidate, prices).0 <= spare);
    }
}
