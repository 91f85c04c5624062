//! JSON with one spelling for each value, so that equal records are equal bytes in any language.
//!
//! Not the `canonical_json` of `model`, which names our own results and orders keys and writes numbers in its own way:
//! the trail is read by programs that we never see.
//!
//! # Source
//! RFC 8785 (Rundgren, Jordan, Erdtman, 2020). Numbers as in ECMAScript `Number::toString`.

use serde_json::Value;
use std::fmt::Write;

/// A number that canonical JSON cannot hold: it is no double.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "the number {0} cannot be written as canonical JSON: expected one that a double holds exactly; write it as text"
)]
pub struct NotCanonical(pub String);

/// Writes a value in its one spelling.
///
/// # Errors
/// [`NotCanonical`] for a whole number that a double does not hold.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut out = String::new();
    write_value(&mut out, value)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => write_number(out, number)?,
        Value::String(text) => write_text(out, text),
        Value::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                separate(out, at);
                write_value(out, value)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                separate(out, at);
                write_text(out, name);
                out.push(':');
                write_value(out, value)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn separate(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &serde_json::Number) -> Result<(), NotCanonical> {
    let refused = || NotCanonical(number.to_string());
    let double = number.as_f64().filter(|double| double.is_finite()).ok_or_else(refused)?;
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => double as u128 == u128::from(whole),
        (None, Some(whole)) => double as i128 == i128::from(whole),
        (None, None) => true,
    };
    if !exact {
        return Err(refused());
    }
    write_double(out, double);
    Ok(())
}

/// Writes a finite number as ECMAScript does.
fn write_double(out: &mut String, double: f64) {
    if double == 0.0 {
        return out.push('0');
    }
    if double < 0.0 {
        out.push('-');
    }
    let (digits, point) = shortest(double.abs());
    let count = digits.len() as i32;
    let zeros = |count: i32| "0".repeat(count.max(0) as usize);
    let _ = match point {
        1..=21 if point >= count => write!(out, "{digits}{}", zeros(point - count)),
        1..=21 => write!(out, "{}.{}", &digits[..point as usize], &digits[point as usize..]),
        -5..=0 => write!(out, "0.{}{digits}", zeros(-point)),
        _ => {
            let rest = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
            write!(out, "{}{rest}e{:+}", &digits[..1], point - 1)
        }
    };
}

/// The shortest digits that read back as a number, and how many of them stand before the decimal point. Of two that are
/// as near, the even one: `format!` of the standard library takes the other.
fn shortest(double: f64) -> (String, i32) {
    let written = Value::from(double).to_string();
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().expect("Invariant: a written number has a whole exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let point = exponent + whole.len() as i32 - (all.len() - digits.len()) as i32;
    (digits.trim_end_matches('0').to_owned(), point)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8785, appendix B, without the two rows that are no numbers.
    const NUMBERS: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];

    fn respelled(json: &str) -> String {
        canonical(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_written_as_the_standard_says() {
        for (bits, expected) in NUMBERS {
            let mut out = String::new();
            write_double(&mut out, f64::from_bits(bits));
            assert_eq!(out, expected, "{bits:016x}");
        }
    }

    #[test]
    fn the_standards_example_comes_out_as_printed_there() {
        // RFC 8785, sections 3.2.2 and 3.2.3.
        let given = "{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\", \"literals\": [null, true, false]}";
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
            \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(respelled(given), expected);
    }

    #[test]
    fn keys_are_ordered_by_their_utf_16_units() {
        // RFC 8785, section 3.2.3: the order of the values is the order of the keys.
        let given = r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"#;
        let ordered: Value = serde_json::from_str(&respelled(given)).unwrap();
        let values: Vec<&str> = ordered.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
        assert_eq!(
            values,
            [
                "Carriage Return",
                "One",
                "Control",
                "Latin Small Letter O With Diaeresis",
                "Euro Sign",
                "Emoji: Grinning Face",
                "Hebrew Letter Dalet With Dagesh",
            ]
        );
    }

    #[test]
    fn whole_numbers_that_no_double_holds_are_refused() {
        assert_eq!(respelled("9007199254740994"), "9007199254740994");
        for number in ["9007199254740993", "-9007199254740993", "18446744073709551615"] {
            assert!(canonical(&serde_json::from_str(number).unwrap()).is_err(), "{number}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_reads_back_as_it_was(bits: u64) {
            let double = f64::from_bits(bits);
            proptest::prop_assume!(double.is_finite());
            let mut out = String::new();
            write_double(&mut out, double);
            proptest::prop_assert_eq!(out.parse::<f64>().unwrap(), double);
        }
    }
}
