//! Quantities: whole pieces that moved, fractional units that are expected, and the depth of a price cut.

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

    proptest! {
        #[test]
        fn depth_survives_its_text(basis_points in 0u16..10_000) {
            let depth = Depth::from_share(f64::from(basis_points) / 10_000.0).unwrap();
            prop_assert_eq!(depth.basis_points(), basis_points);
            prop_assert_eq!(Depth::try_from(f64::from(depth)).unwrap(), depth);
        }
    }
}
