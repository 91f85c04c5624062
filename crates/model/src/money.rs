//! Money: whole minor units with their currency where it is counted, fractional where it is expected.

pub use iso_currency::Currency;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// Counted money: whole minor units (cents) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents, øre, yen.
    pub minor: i64,
    /// ISO 4217 currency.
    pub currency: Currency,
}

/// Expected money in minor units of the plan's currency: a mean over what may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub f64);

/// Money that cannot be read or added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is no decimal amount.
    #[error("'{0}' is not an amount of money: expected a decimal number such as 12.50")]
    NotANumber(String),
    /// The amount has more decimals than the currency has minor units.
    #[error("'{text}' has more decimals than {currency} has minor units ({digits})")]
    TooFine {
        /// The amount as given.
        text: String,
        /// The currency it was read in.
        currency: Currency,
        /// Decimals that the currency allows.
        digits: u16,
    },
    /// The amount does not fit 64 bits of minor units.
    #[error("the amount is too large to count in minor units")]
    Overflow,
    /// Two currencies met.
    #[error("{0} and {1} cannot be added: convert one of them first")]
    Mixed(Currency, Currency),
}

impl Money {
    /// Makes money from whole minor units.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a decimal amount in major units ("12.50").
    ///
    /// # Errors
    /// [`MoneyError`] when the text is no number, is finer than the currency or too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let amount: Decimal = text.trim().parse().map_err(|_| MoneyError::NotANumber(text.to_owned()))?;
        let digits = currency.exponent().unwrap_or(0);
        let scaled = amount.checked_mul(Decimal::from(10_i64.pow(u32::from(digits)))).ok_or(MoneyError::Overflow)?;
        if !scaled.fract().is_zero() {
            return Err(MoneyError::TooFine { text: text.to_owned(), currency, digits });
        }
        Ok(Self::new(scaled.to_i64().ok_or(MoneyError::Overflow)?, currency))
    }

    /// Adds two amounts of the same currency.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`] past 64 bits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = u32::from(self.currency.exponent().unwrap_or(0));
        let amount = Decimal::new(self.minor, digits);
        write!(f, "{amount} {}", self.currency.code())
    }
}

impl Value {
    /// Rounds to whole minor units, half to even; saturates at the ends of 64 bits.
    pub fn round(self, currency: Currency) -> Money {
        Money::new(self.0.round_ties_even() as i64, currency)
    }
}

impl Add for Value {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl Sub for Value {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl Neg for Value {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl Mul<f64> for Value {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        Self(self.0 * by)
    }
}
impl AddAssign for Value {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl Sum for Value {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_cent_is_refused() {
        assert!(matches!(Money::parse("1.005", Currency::EUR), Err(MoneyError::TooFine { digits: 2, .. })));
        assert!(matches!(Money::parse("0.5", Currency::JPY), Err(MoneyError::TooFine { digits: 0, .. })));
        assert!(matches!(Money::parse("ten", Currency::EUR), Err(MoneyError::NotANumber(_))));
        assert!(matches!(Money::parse("99999999999999999999", Currency::EUR), Err(MoneyError::Overflow)));
    }

    #[test]
    fn currencies_do_not_mix() {
        let sum = Money::new(1, Currency::EUR).checked_add(Money::new(1, Currency::USD));
        assert_eq!(sum, Err(MoneyError::Mixed(Currency::EUR, Currency::USD)));
    }

    proptest! {
        #[test]
        fn money_survives_its_text(minor in -1_000_000_000_000i64..1_000_000_000_000) {
            let money = Money::new(minor, Currency::EUR);
            let text = money.to_string();
            let amount = text.strip_suffix(" EUR").unwrap();
            prop_assert_eq!(Money::parse(amount, Currency::EUR).unwrap(), money);
        }

        #[test]
        fn addition_is_exact_or_refused(a in any::<i64>(), b in any::<i64>()) {
            let sum = Money::new(a, Currency::EUR).checked_add(Money::new(b, Currency::EUR));
            prop_assert_eq!(sum.ok().map(|m| i128::from(m.minor)),
                a.checked_add(b).map(i128::from));
        }
    }
}
