//! Whether sales run ahead of their path, to a sell-through or to what a plan expects, and what may then not be done: a group
//! that sells by itself is not made cheaper.
//!
//! Never estimates demand: the path follows the baseline that it is given. Never raises a price: it only holds a
//! deeper cut back.

use crate::Depth;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far a group has come on the way to what is to be sold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Share of the opening stock, or of what a plan expects, that was sold.
    pub sold: f64,
    /// Share that the path asks for by now.
    pub due: f64,
}

/// Why a deeper cut is held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The pace that needs no deeper cut.
    pub pace: Pace,
    /// Depth that stays the deepest.
    pub depth: Depth,
}

impl Pace {
    /// Compares what was sold of a stock with its path: the share of the season's baseline that has passed, times the
    /// sell-through to be reached. Without a baseline the path asks for all of it at once.
    pub fn of(sold: f64, opening_stock: f64, sell_through: f64, baseline: &[f64], passed: usize) -> Self {
        let all: f64 = baseline.iter().sum();
        let gone: f64 = baseline.iter().take(passed).sum();
        let part = if all > 0.0 { gone / all } else { 1.0 };
        Self { sold: if opening_stock > 0.0 { sold / opening_stock } else { 1.0 }, due: sell_through * part }
    }

    /// Returns whether at least as much was sold as the path asks for.
    pub fn is_ahead(&self) -> bool {
        self.sold >= self.due
    }

    /// Lets a depth pass, or says why it is held back: it is deeper than the present one and the group is ahead.
    ///
    /// # Errors
    /// [`HeldBack`] with the pace and the depth that stays.
    pub fn allows(&self, present: Depth, wanted: Depth) -> Result<(), HeldBack> {
        if wanted > present && self.is_ahead() { Err(HeldBack { pace: *self, depth: present }) } else { Ok(()) }
    }
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (100.0 * share).round();
        write!(
            f,
            "{} % is sold where the path asks for {} %: it stays at {} % off",
            percent(self.pace.sold),
            percent(self.pace.due),
            percent(self.depth.share())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(share: f64) -> Depth {
        Depth::from_share(share).unwrap()
    }

    #[test]
    fn a_group_ahead_of_its_path_is_not_made_cheaper() {
        // Half of the season's baseline has passed; 42.5 % is due of a target of 85 %.
        let baseline = [100.0; 8];
        let ahead = Pace::of(500.0, 1000.0, 0.85, &baseline, 4);
        let held = ahead.allows(depth(0.2), depth(0.4)).unwrap_err();
        assert_eq!(held.to_string(), "50 % is sold where the path asks for 43 %: it stays at 20 % off");
        assert_eq!(ahead.allows(depth(0.2), depth(0.2)), Ok(()));
        assert_eq!(ahead.allows(depth(0.2), depth(0.1)), Ok(()), "less off is always allowed");
    }

    #[test]
    fn a_group_behind_its_path_may_go_deeper() {
        let behind = Pace::of(300.0, 1000.0, 0.85, &[100.0; 8], 4);
        assert_eq!(behind.allows(depth(0.2), depth(0.4)), Ok(()));
    }

    #[test]
    fn the_path_follows_the_season() {
        let late = [10.0, 10.0, 10.0, 70.0];
        assert!(Pace::of(200.0, 1000.0, 0.6, &late, 2).is_ahead(), "12 % is due before the season's peak");
        assert!(!Pace::of(200.0, 1000.0, 0.6, &late, 4).is_ahead());
        assert!(Pace::of(0.0, 0.0, 0.6, &late, 4).is_ahead(), "nothing is left to sell");
    }
}
