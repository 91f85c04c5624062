//! The price per unit of measure: whether it has to be shown, and what it is once rounded.
//!
//! # Source
//! Directive 98/6/EC, Art. 2(b) and 4; NIST Handbook 130, Uniform Unit Pricing Regulation (tenths of a cent below a dollar).

use super::{Broken, Market, Tag, UnitPriceRule};
use serde::{Deserialize, Serialize};

/// How contents are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Weight.
    Gram,
    /// Volume.
    Millilitre,
    /// Length.
    Centimetre,
    /// Weight where it is told in ounces.
    Ounce,
    /// Volume where it is told in fluid ounces.
    FluidOunce,
    /// Count.
    Piece,
}

/// What a piece holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// How much.
    pub amount: i64,
    /// Of what.
    pub measure: Measure,
}

/// Returns the unit price in tenths of a minor unit, rounded half up as the market does; none where none has to be shown.
pub fn unit_price(price: i64, content: Content, rule: &UnitPriceRule) -> Option<i64> {
    let per = i128::from(*rule.per.get(&content.measure)?);
    let amount = i128::from(content.amount);
    let rounded = |times: i128| (2 * i128::from(price) * per * times + amount) / (2 * amount);
    let whole = rounded(1);
    let fine = i128::from(price) * per < i128::from(rule.tenths_below) * amount;
    i64::try_from(if fine { rounded(10) } else { whole * 10 }).ok()
}

/// Returns what is wrong with the unit price that is shown.
pub fn broken(tag: &Tag, market: &Market) -> Option<Broken> {
    let rule = market.rules.unit_price.as_ref()?;
    let Some(content) = market.goods.content.filter(|content| content.amount > 0) else {
        return Some(Broken::new("unit price", "what a piece holds is not known", "amount and measure"));
    };
    let expected = unit_price(tag.price, content, rule)?;
    let told = |tenths: i64| format!("{}.{}", tenths / 10, tenths % 10);
    match tag.shown.unit_price_tenths {
        Some(shown) if shown == expected => None,
        Some(shown) => Some(Broken::new("unit price", told(shown), told(expected))),
        None => Some(Broken::new("unit price", "none is shown", told(expected))),
    }
}
