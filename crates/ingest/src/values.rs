//! What a source's column may hold, whatever its type there.

use crate::IngestError;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;

/// A column of a source, in one of few shapes.
pub(crate) enum Values {
    /// No value in any row.
    Absent,
    Whole(Int64Array),
    Number(Float64Array),
    Text(StringArray),
    Flag(BooleanArray),
    /// Days since 1 January 1970.
    Day(Date32Array),
}

/// One value of a source's column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Whole(i64),
    Number(f64),
    Text(&'a str),
    Flag(bool),
    Day(i32),
}

impl Values {
    /// Brings a column into one of the shapes.
    pub fn of(column: &str, array: &ArrayRef) -> Result<Self, IngestError> {
        use DataType as Type;
        let refused = || IngestError::ColumnType { column: column.to_owned(), found: array.data_type().to_string() };
        let to = |target: Type| cast(array, &target).map_err(|_| refused());
        Ok(match array.data_type() {
            Type::Null => Self::Absent,
            Type::Boolean => Self::Flag(array.as_boolean().clone()),
            Type::Int64 => Self::Whole(array.as_primitive::<Int64Type>().clone()),
            Type::Float64 => Self::Number(array.as_primitive::<Float64Type>().clone()),
            Type::Float32 => Self::Number(array.as_primitive::<Float32Type>().unary(widen)),
            Type::Utf8 => Self::Text(array.as_string::<i32>().clone()),
            Type::Int8 | Type::Int16 | Type::Int32 | Type::UInt8 | Type::UInt16 | Type::UInt32 => {
                Self::Whole(to(Type::Int64)?.as_primitive::<Int64Type>().clone())
            }
            Type::Float16 => Self::Number(to(Type::Float64)?.as_primitive::<Float64Type>().clone()),
            Type::Date32 | Type::Date64 | Type::Timestamp(_, _) => {
                Self::Day(to(Type::Date32)?.as_primitive::<Date32Type>().clone())
            }
            Type::Dictionary(_, inner) => return Self::of(column, &to((**inner).clone())?),
            Type::LargeUtf8
            | Type::Utf8View
            | Type::UInt64
            | Type::Decimal32(_, _)
            | Type::Decimal64(_, _)
            | Type::Decimal128(_, _)
            | Type::Decimal256(_, _) => Self::Text(to(Type::Utf8)?.as_string::<i32>().clone()),
            _ => return Err(refused()),
        })
    }

    /// Returns the value of a row; empty text and NaN are no value.
    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        match self {
            Self::Absent => None,
            Self::Whole(array) => array.is_valid(row).then(|| Value::Whole(array.value(row))),
            Self::Number(array) => {
                let number = array.is_valid(row).then(|| array.value(row));
                number.filter(|number| !number.is_nan()).map(Value::Number)
            }
            Self::Text(array) => {
                let text = array.is_valid(row).then(|| array.value(row).trim());
                text.filter(|text| !text.is_empty()).map(Value::Text)
            }
            Self::Flag(array) => array.is_valid(row).then(|| Value::Flag(array.value(row))),
            Self::Day(array) => array.is_valid(row).then(|| Value::Day(array.value(row))),
        }
    }

    /// Writes the value of a row for people; nothing for no value.
    pub fn show(&self, row: usize) -> String {
        match self.get(row) {
            None => String::new(),
            Some(Value::Whole(whole)) => whole.to_string(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Text(text)) => text.chars().take(200).collect(),
            Some(Value::Flag(flag)) => flag.to_string(),
            Some(Value::Day(day)) => endcap_model::Calendar::Day.format(endcap_model::Period(day)),
        }
    }
}

/// Widens a number to the decimal that it was meant as: 0.882 stays 0.882 and does not become 0.88200003.
///
/// Seven significant digits are what 32 bits hold.
fn widen(narrow: f32) -> f64 {
    let wide = f64::from(narrow);
    if wide == 0.0 || !wide.is_finite() {
        return wide;
    }
    let digits = 6 - wide.abs().log10().floor() as i32;
    if digits >= 0 {
        let scale = 10f64.powi(digits);
        return (wide * scale).round() / scale;
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_decimals_survive_32_bits(thousandths in -200_000i32..200_000) {
            let meant = f64::from(thousandths) / 1000.0;
            prop_assert_eq!(widen(meant as f32), meant);
        }
    }
}
