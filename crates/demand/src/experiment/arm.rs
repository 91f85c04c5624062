//! What the places of one arm of a test do: the price cut and its support.

use endcap_model::{Depth, EffectKind, Support};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Largest distance of a cell's depth from that of its arm: the same 5 % from which a period counts as promoted.
const TOLERANCE: f64 = 0.05;

/// What the item does at the places of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Share of the list price taken off.
    pub depth: Depth,
    /// Advert and display.
    pub support: Support,
}

/// What a cell of the history did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Done {
    pub(crate) depth: f64,
    pub(crate) feature: f64,
    pub(crate) display: f64,
}

impl Arm {
    /// Makes an arm that cuts the price without support.
    pub fn at_depth(depth: Depth) -> Self {
        Self { depth, support: Support::default() }
    }

    /// Returns the regressor that multiplies an effect: log price ratio, advert or display; 0 for what no arm can set.
    pub(crate) fn regressor(self, effect: EffectKind) -> f64 {
        match effect {
            EffectKind::OwnPrice => self.depth.price_ratio().ln(),
            EffectKind::Feature => f64::from(self.support.feature),
            EffectKind::Display => f64::from(self.support.display),
            EffectKind::CrossPrice | EffectKind::Dip => 0.0,
        }
    }

    fn distance(self, done: Done) -> f64 {
        (done.depth - self.depth.share()).abs()
    }

    /// Returns whether a cell did what this arm says, and not rather what the other arm says.
    pub(crate) fn matches(self, other: Self, done: Done) -> bool {
        let support = (done.feature >= 0.5, done.display >= 0.5);
        support == (self.support.feature, self.support.display)
            && self.distance(done) < TOLERANCE
            && (other.depth == self.depth || self.distance(done) < other.distance(done))
    }
}

impl Done {
    /// Returns whether two cells were on the same terms.
    pub(crate) fn same_as(self, other: Self) -> bool {
        let support = |done: Self| (done.feature >= 0.5, done.display >= 0.5);
        support(self) == support(other) && (self.depth - other.depth).abs() < TOLERANCE
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth == Depth::ZERO {
            f.write_str("list price")?;
        } else {
            write!(f, "{} off", self.depth)?;
        }
        f.write_str(if self.support.feature { ", advertised" } else { "" })?;
        f.write_str(if self.support.display { ", on display" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_belongs_to_the_nearer_arm_only() {
        let arm = |share| Arm::at_depth(Depth::from_share(share).unwrap());
        let done = |depth| Done { depth, ..Done::default() };
        assert!(arm(0.0).matches(arm(0.08), done(0.03)));
        assert!(!arm(0.08).matches(arm(0.0), done(0.03)));
        assert!(arm(0.08).matches(arm(0.0), done(0.06)));
        assert!(!arm(0.2).matches(arm(0.0), done(0.1)));
        assert!(!arm(0.0).matches(arm(0.2), Done { feature: 1.0, ..Done::default() }));
    }
}
