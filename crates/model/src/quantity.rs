//! Quantities: whole pieces that moved, fractional units that are expected, the depth of a price cut, and shares that
//! limit something.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// Pieces that were sold, ordered or counted: whole by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Pieces(pub i64);

/// Expected units: a mean over what may happen, so fractional.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(pub f64);

macro_rules! arithmetic {
    ($name:ident) => {
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::default(), Add::add)
            }
        }
    };
}
arithmetic!(Pieces);
arithmetic!(Units);

/// Share of the list price that an offer takes off, in whole basis points below 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = f64))]
#[serde(try_from = "f64", into = "f64")]
pub struct Depth(u16);

/// A depth that is not a share of the price.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("depth {0} is not a share of the list price: expected 0 or more and less than 1, for example 0.2 for 20 % off")]
pub struct DepthError(pub f64);

impl Depth {
    /// No price cut.
    pub const ZERO: Self = Self(0);

    /// Rounds a share (0.2 is 20 % off) to whole basis points.
    ///
    /// # Errors
    /// [`DepthError`] for NaN, for less than 0, and for 1 or more once rounded.
    pub fn from_share(share: f64) -> Result<Self, DepthError> {
        let basis_points = (share * 10_000.0).round();
        if !(0.0..10_000.0).contains(&basis_points) {
            return Err(DepthError(share));
        }
        Ok(Self(basis_points as u16))
    }

    /// Returns the share of the list price taken off, in `0.0..1.0`.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Returns the depth in whole basis points.
    pub fn basis_points(self) -> u16 {
        self.0
    }

    /// Returns paid price over list price.
    pub fn price_ratio(self) -> f64 {
        1.0 - self.share()
    }
}

/// A ratio of 0 or more that limits something, in whole basis points: 0.3 is 30 %, 1.5 one and a half times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(u32);

/// A number that limits nothing.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a share: expected a number from 0 to 1000 with at most 4 decimals, for example 0.3 for 30 %")]
pub struct ShareError(pub f64);

impl Share {
    /// Makes a share of whole basis points: 3000 is 30 %.
    pub const fn of_basis_points(basis_points: u32) -> Self {
        Self(basis_points)
    }

    /// Returns the share in whole basis points.
    pub fn basis_points(self) -> u32 {
        self.0
    }

    /// Returns whether a part is more than this share of a whole, exactly.
    pub fn is_exceeded_by(self, part: i64, whole: i64) -> bool {
        i128::from(part) * 10_000 > i128::from(self.0) * i128::from(whole)
    }

    /// Returns the largest whole number that is within this share of a whole; saturates at the ends of 64 bits.
    pub fn of(self, whole: i64) -> i64 {
        let part = (i128::from(self.0) * i128::from(whole)).div_euclid(10_000);
        part.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl TryFrom<f64> for Share {
    type Error = ShareError;
    fn try_from(ratio: f64) -> Result<Self, ShareError> {
        let basis_points = (ratio * 10_000.0).round();
        if !(0.0..=10_000_000.0).contains(&basis_points) || (ratio * 10_000.0 - basis_points).abs() > 1e-6 {
            return Err(ShareError(ratio));
        }
        Ok(Self(basis_points as u32))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        f64::from(share.0) / 10_000.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = format!("{} %", f64::from(self.0) / 100.0);
        f.pad(&percent)
    }
}

impl TryFrom<f64> for Depth {
    type Error = DepthError;
    fn try_from(share: f64) -> Result<Self, DepthError> {
        Self::from_share(share)
    }
}

impl From<Depth> for f64 {
    fn from(depth: Depth) -> f64 {
        depth.share()
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = format!("{} %", f64::from(self.0) / 100.0);
        f.pad(&percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_of_the_whole_price_is_refused() {
        assert_eq!(Depth::from_share(1.0), Err(DepthError(1.0)));
        assert!(Depth::from_share(0.99999).is_err());
        assert!(Depth::from_share(f64::NAN).is_err());
        assert!(Depth::from_share(-0.1).is_err());
    }

    #[test]
    fn a_share_is_refused_unless_it_is_a_number_of_basis_points() {
        for ratio in [f64::NAN, f64::INFINITY, -0.1, 1000.1, 0.00001] {
            assert!(Share::try_from(ratio).is_err(), "{ratio}");
        }
        assert_eq!(Share::try_from(0.3), Ok(Share::of_basis_points(3000)));
    }

    #[test]
    fn a_share_is_exceeded_by_one_more_than_it_allows() {
        let third = Share::of_basis_points(3333);
        assert_eq!(third.of(10_000), 3333);
        assert!(!third.is_exceeded_by(3333, 10_000));
        assert!(third.is_exceeded_by(3334, 10_000));
        assert!(Share::of_basis_points(0).is_exceeded_by(1, i64::MAX));
    }

    proptest! {
        #[test]
        fn depth_survives_its_text(basis_points in 0u16..10_000) {
            let depth = Depth::from_share(f64::from(basis_points) / 10_000.0).unwrap();
            prop_assert_eq!(depth.basis_points(), basis_points);
            prop_assert_eq!(Depth::try_from(f64::from(depth)).unwrap(), depth);
        }
    }
}
