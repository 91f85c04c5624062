//! How strict sales are judged: `[plausibility]` of `endcap.toml`.

use serde::{Deserialize, Serialize};

/// How strict sales are judged. Every field has a default that passes ordinary promotions and holidays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plausibility {
    /// Standard deviations (from the median absolute deviation) that a quantity may lie above what is usual. Default 3.5.
    pub deviations_max: f64,
    /// Times what is usual that a quantity may be, however much it varies; promotions and holidays may be more, and few
    /// pieces as well. Default 3.2.
    pub times_max: f64,
    /// Pieces above what is usual below which nothing is in doubt. Default 8.
    pub pieces_min: f64,
    /// Periods of history that an item at a place needs before it is judged. Default 14.
    pub history_min: usize,
    /// Pieces that a place usually sells in a period, from which on none at all is in doubt. Default 15.
    pub silent_pieces_min: f64,
    /// Height at which the sum of deviations of a place, a region or all is drift; lower finds it sooner and errs more
    /// often. Default 6.
    pub drift_max: f64,
    /// Share of rows of one source in doubt from which on the source itself is. Default 0.02.
    pub doubtful_share_max: f64,
    /// Periods back from the last in which a row in quarantine keeps its item from being acted on. Default 28.
    pub hold_periods: u32,
}

impl Default for Plausibility {
    fn default() -> Self {
        Self {
            deviations_max: 3.5,
            times_max: 3.2,
            pieces_min: 8.0,
            history_min: 14,
            silent_pieces_min: 15.0,
            drift_max: 6.0,
            doubtful_share_max: 0.02,
            hold_periods: 28,
        }
    }
}

impl Plausibility {
    /// Checks that every limit makes sense.
    ///
    /// # Errors
    /// The name of the first that does not, what it holds, and what would be read.
    pub fn check(&self) -> Result<(), (&'static str, f64, &'static str)> {
        for (name, value, least, most, expected) in [
            ("deviations_max", self.deviations_max, 1.0, 100.0, "1 to 100"),
            ("times_max", self.times_max, 1.5, 1000.0, "1.5 to 1000"),
            ("pieces_min", self.pieces_min, 0.0, 1e9, "0 or more"),
            ("history_min", self.history_min as f64, 4.0, 10_000.0, "4 to 10000"),
            ("silent_pieces_min", self.silent_pieces_min, 5.0, 1e9, "5 or more"),
            ("drift_max", self.drift_max, 1.0, 1e6, "1 or more"),
            ("doubtful_share_max", self.doubtful_share_max, 0.0, 1.0, "a share from 0 to 1"),
        ] {
            if !(least..=most).contains(&value) {
                return Err((name, value, expected));
            }
        }
        Ok(())
    }
}
