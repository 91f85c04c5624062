//! One column of facts while a table is taken in, and the reading of single values into it.

use crate::intern::{ABSENT, Interner};
use crate::period::PeriodReader;
use crate::values::Value;
use endcap_model::{FactField, FieldKind, Period};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The number that stands for no whole number.
pub(crate) const NO_WHOLE: i64 = i64::MIN;
/// The number that stands for no period.
pub(crate) const NO_PERIOD: i32 = i32::MIN;
/// The number that stands for no flag.
pub(crate) const NO_FLAG: u8 = 2;

const TEXT_CHARACTERS_MAX: usize = 200;
const PIECES_MAX: i64 = 100_000_000;

/// Values of one column, one per row; each shape has a number that stands for no value.
#[derive(Debug)]
pub(crate) enum Column {
    Id(Vec<u32>, Interner),
    Period(Vec<i32>, PeriodReader),
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Flag(Vec<u8>),
}

/// How one field is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub kind: FieldKind,
    /// Minor units in a major one.
    pub minor_units: i64,
    /// The period that the number 0 stands for.
    pub origin: Option<Period>,
}

impl Column {
    /// Makes the column of a field that has no value in `rows` rows.
    pub fn absent(rows: usize, interner: Interner, periods: PeriodReader, field: &FactField) -> Self {
        match field.kind {
            FieldKind::Sku | FieldKind::Place | FieldKind::Text => Self::Id(vec![ABSENT; rows], interner),
            FieldKind::Period => Self::Period(vec![NO_PERIOD; rows], periods),
            FieldKind::Pieces | FieldKind::Money => Self::Whole(vec![NO_WHOLE; rows]),
            FieldKind::Share | FieldKind::PriceRatio | FieldKind::Number => Self::Number(vec![f64::NAN; rows]),
            FieldKind::Flag => Self::Flag(vec![NO_FLAG; rows]),
        }
    }

    /// Appends one value; appends no value when it cannot be read, and says why.
    pub fn push(&mut self, value: Option<Value<'_>>, how: Reading) -> Result<(), String> {
        let Some(value) = value else {
            self.push_absent();
            return Ok(());
        };
        let read = match self {
            Self::Id(ids, interner) => id(value, how.kind, interner).map(|id| ids.push(id)),
            Self::Period(periods, reader) => reader.read(value, how.origin).map(|period| periods.push(period)),
            Self::Whole(wholes) if how.kind == FieldKind::Money => {
                money(value, how.minor_units).map(|money| wholes.push(money))
            }
            Self::Whole(wholes) => pieces(value).map(|pieces| wholes.push(pieces)),
            Self::Number(numbers) => number_of(value, how.kind).map(|number| numbers.push(number)),
            Self::Flag(flags) => flag(value).map(|flag| flags.push(u8::from(flag))),
        };
        read.inspect_err(|_| self.push_absent())
    }

    fn push_absent(&mut self) {
        match self {
            Self::Id(ids, _) => ids.push(ABSENT),
            Self::Period(periods, _) => periods.push(NO_PERIOD),
            Self::Whole(wholes) => wholes.push(NO_WHOLE),
            Self::Number(numbers) => numbers.push(f64::NAN),
            Self::Flag(flags) => flags.push(NO_FLAG),
        }
    }

    /// Appends no value so many times.
    pub fn extend_absent(&mut self, rows: usize) {
        (0..rows).for_each(|_| self.push_absent());
    }

    /// Keeps, of the rows from `start` on, those that are marked.
    pub fn keep_from(&mut self, start: usize, keep: &[bool]) {
        match self {
            Self::Id(values, _) => keep_from(values, start, keep),
            Self::Period(values, _) => keep_from(values, start, keep),
            Self::Whole(values) => keep_from(values, start, keep),
            Self::Number(values) => keep_from(values, start, keep),
            Self::Flag(values) => keep_from(values, start, keep),
        }
    }

    /// Returns whether two rows hold the same value, or both none.
    pub fn same(&self, a: usize, b: usize) -> bool {
        match self {
            Self::Id(values, _) => values[a] == values[b],
            Self::Period(values, _) => values[a] == values[b],
            Self::Whole(values) => values[a] == values[b],
            Self::Number(values) => values[a].to_bits() == values[b].to_bits(),
            Self::Flag(values) => values[a] == values[b],
        }
    }
}

fn keep_from<T: Copy>(values: &mut Vec<T>, start: usize, keep: &[bool]) {
    let mut kept = start;
    for (offset, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
        values[kept] = values[start + offset];
        kept += 1;
    }
    values.truncate(kept);
}

fn id(value: Value<'_>, kind: FieldKind, interner: &mut Interner) -> Result<u32, String> {
    let id = match value {
        Value::Whole(whole) => interner.number(whole),
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => interner.number(number as i64),
        Value::Number(number) => interner.text(&number.to_string()),
        Value::Text(text) if text.len() > TEXT_CHARACTERS_MAX => {
            return Err(format!("longer than {TEXT_CHARACTERS_MAX} bytes: expected a name or number"));
        }
        Value::Text(text) => interner.text(text),
        Value::Flag(flag) => interner.text(if flag { "true" } else { "false" }),
        Value::Day(day) => interner.text(&endcap_model::Calendar::Day.format(Period(day))),
    };
    match kind {
        FieldKind::Sku if !interner.is_known(id) => Err("not among the items that were loaded".to_owned()),
        FieldKind::Place if !interner.is_known(id) => Err("not among the places that were loaded".to_owned()),
        _ => Ok(id),
    }
}

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Whole(whole) => Some(whole as f64),
        Value::Number(number) => Some(number),
        Value::Text(text) => text.parse().ok(),
        Value::Flag(flag) => Some(f64::from(u8::from(flag))),
        Value::Day(_) => None,
    }
    .filter(|number| number.is_finite())
}

fn not_a_number(value: Value<'_>) -> String {
    match value {
        Value::Text(text) if text.contains(',') => {
            "not a number: expected a decimal point and no thousands separators, such as 1234.50".to_owned()
        }
        _ => "not a number".to_owned(),
    }
}

fn pieces(value: Value<'_>) -> Result<i64, String> {
    let whole = match value {
        Value::Whole(whole) => whole,
        value => {
            let number = number(value).ok_or_else(|| not_a_number(value))?;
            if number.fract() != 0.0 {
                return Err("not whole: expected pieces; convert weights or cases in the mapping".to_owned());
            }
            number as i64
        }
    };
    match whole {
        0..=PIECES_MAX => Ok(whole),
        ..0 => Err("negative: expected 0 or more pieces; returns are not sales".to_owned()),
        _ => Err(format!("more than {PIECES_MAX} pieces: expected a count")),
    }
}

fn money(value: Value<'_>, minor_units: i64) -> Result<i64, String> {
    let minor = match value {
        Value::Text(text) => {
            let amount: Decimal = text.parse().map_err(|_| not_a_number(value))?;
            amount.checked_mul(Decimal::from(minor_units)).and_then(|minor| minor.round().to_i64())
        }
        value => {
            let major = number(value).ok_or_else(|| not_a_number(value))?;
            let minor = (major * minor_units as f64).round_ties_even();
            (minor.abs() < 9e15).then_some(minor as i64)
        }
    };
    match minor {
        Some(1..=9_000_000_000_000) => Ok(minor.unwrap_or_default()),
        Some(..0) => Err("negative: expected a price over 0".to_owned()),
        Some(0) => Err("0 once rounded to whole minor units: expected a price over 0".to_owned()),
        _ => Err("too large for a price of one piece".to_owned()),
    }
}

fn number_of(value: Value<'_>, kind: FieldKind) -> Result<f64, String> {
    let number = number(value).ok_or_else(|| not_a_number(value))?;
    let number = if number == 0.0 { 0.0 } else { number };
    match kind {
        FieldKind::Share => share(number),
        FieldKind::PriceRatio => price_ratio(number),
        _ => Ok(number),
    }
}

fn share(number: f64) -> Result<f64, String> {
    match number {
        0.0..=1.0 => Ok(number),
        1.0..=100.0 => Err("over 1: expected a share from 0 to 1; looks like a percent, divide it by 100".to_owned()),
        _ => Err("outside 0 to 1: expected a share".to_owned()),
    }
}

fn price_ratio(number: f64) -> Result<f64, String> {
    match number {
        n if n > 0.0 && n <= 1.5 => Ok(n),
        n if n > 1.5 && n <= 150.0 => {
            Err("over 1.5: expected paid price over list price; looks like a percent, divide it by 100".to_owned())
        }
        n if n <= 0.0 => Err("0 or less: expected paid price over list price, over 0".to_owned()),
        _ => Err("over 1.5: expected paid price over list price".to_owned()),
    }
}

fn flag(value: Value<'_>) -> Result<bool, String> {
    let read = match value {
        Value::Flag(flag) => Some(flag),
        Value::Whole(0) => Some(false),
        Value::Whole(1) => Some(true),
        Value::Number(0.0) => Some(false),
        Value::Number(1.0) => Some(true),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "0" | "false" | "no" | "n" | "f" => Some(false),
            "1" | "true" | "yes" | "y" | "t" => Some(true),
            _ => None,
        },
        _ => None,
    };
    read.ok_or_else(|| "neither 0 nor 1: expected 0, 1, true, false, yes or no".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_whole_minor_units_over_zero() {
        assert_eq!(money(Value::Text("12.50"), 100), Ok(1250));
        assert_eq!(money(Value::Number(0.29), 100), Ok(29));
        assert_eq!(money(Value::Whole(3), 1), Ok(3));
        assert!(money(Value::Text("12,50"), 100).unwrap_err().contains("decimal point"));
        assert!(money(Value::Number(-1.0), 100).unwrap_err().contains("negative"));
        assert!(money(Value::Number(0.001), 100).is_err());
        assert!(money(Value::Text("79228162514264337593543950335"), 100).is_err());
        assert!(money(Value::Number(f64::INFINITY), 100).is_err());
    }

    #[test]
    fn a_percent_in_place_of_a_share_is_seen() {
        assert_eq!(share(1.0), Ok(1.0));
        assert!(share(20.0).unwrap_err().contains("percent"));
        assert!(share(-0.1).is_err() && share(1000.0).is_err());
        assert!(price_ratio(88.0).unwrap_err().contains("percent"));
        assert!(price_ratio(0.0).is_err());
        assert_eq!(price_ratio(1.088), Ok(1.088));
    }

    #[test]
    fn pieces_are_whole_and_not_negative() {
        assert_eq!(pieces(Value::Text("7")), Ok(7));
        assert_eq!(pieces(Value::Number(7.0)), Ok(7));
        assert!(pieces(Value::Number(0.4)).unwrap_err().contains("whole"));
        assert!(pieces(Value::Whole(-1)).unwrap_err().contains("returns"));
        assert!(pieces(Value::Text("seven")).is_err());
    }

    #[test]
    fn flags_are_read_in_words_and_numbers() {
        assert_eq!(flag(Value::Text("Yes")), Ok(true));
        assert_eq!(flag(Value::Number(0.0)), Ok(false));
        assert!(flag(Value::Whole(2)).is_err());
    }
}
