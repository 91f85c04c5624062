//! Price law: what shoppers may be shown beside a price, by market.
//!
//! The law of a market is data ([`MarketRules`]); what is checked against it are the prices that the channel confirmed, in
//! the store's local time, never planned ones. What is not known refuses. This is no legal advice: the shipped rules
//! (`markets.json`) are a start that a lawyer of the market goes through.
//!
//! # Source
//! Directive 98/6/EC, Art. 4 (unit price) and 6a (prior price), CJEU C-330/23 Aldi Süd (2024); 16 CFR 233.1 (former price);
//! Leegin v. PSKS, 551 U.S. 877 (2007) and Regulation (EU) 2022/720 (minimum advertised prices); New York General Business
//! Law 349-a (personal prices).

mod former_price;
mod history;
mod prior_price;
mod rules;
mod targeting;
#[cfg(test)]
mod tests;
mod unit_price;

pub use history::{Offered, PriceHistory};
pub use rules::{
    FormerPriceRule, MarketRules, PriorPriceRule, ReferenceRule, RulesError, UnitPriceRule, shipped_markets,
};
pub use targeting::{Consent, Contact, TargetingRules, never_used, targeting_breaches};
pub use unit_price::{Content, Measure, unit_price};

use endcap_model::{Currency, Share};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What shoppers are shown beside a price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shown {
    /// A reduction that is announced: by a crossed-out price, a percentage or the word sale.
    pub reduction: Option<Reduction>,
    /// Price per unit of measure, in tenths of a minor unit.
    pub unit_price_tenths: Option<i64>,
    /// A notice beside the price.
    pub notice: Option<String>,
    /// Whether the price is advertised outside the till and the cart.
    pub advertised: bool,
}

/// A reduction that is announced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reduction {
    /// The earlier price that is shown, in minor units.
    pub reference: Option<i64>,
    /// The percentage that is shown.
    pub percent: Option<Share>,
    /// When the first step of a series of ever deeper reductions was applied.
    pub series_from: Option<Timestamp>,
}

/// A price with what is shown beside it.
#[derive(Clone, Debug)]
pub struct Tag<'a> {
    /// Price that is paid, in minor units.
    pub price: i64,
    /// Its currency.
    pub currency: Currency,
    /// From when it is applied.
    pub from: Timestamp,
    /// Whether data about a person shaped it.
    pub uses_personal_data: bool,
    /// What is shown beside it.
    pub shown: &'a Shown,
}

/// The market that a place belongs to, with what is known of the item there.
#[derive(Clone, Debug)]
pub struct Market {
    /// Its law.
    pub rules: MarketRules,
    /// Its time zone.
    pub zone: TimeZone,
    /// Prices of the item that the channel confirmed there.
    pub history: PriceHistory,
    /// What the item is.
    pub goods: Goods,
}

/// What the law asks of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goods {
    /// Whether it spoils quickly or is about to expire.
    pub perishable: bool,
    /// When it first came on sale.
    pub on_sale_since: Option<Timestamp>,
    /// What a piece holds.
    pub content: Option<Content>,
    /// Price below which its vendor allows no advertising; 0 where no vendor set one.
    pub minimum_advertised: Option<i64>,
}

/// A rule of law that a tag breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Name of the rule.
    pub rule: &'static str,
    /// What would be shown.
    pub found: String,
    /// What may be shown.
    pub allowed: String,
}

impl Broken {
    fn new(rule: &'static str, found: impl ToString, allowed: impl ToString) -> Self {
        Self { rule, found: found.to_string(), allowed: allowed.to_string() }
    }
}

/// Returns every rule of the market that a tag breaks.
pub fn breaches(tag: &Tag, market: &Market) -> Vec<Broken> {
    let mut broken = Vec::new();
    if tag.currency != market.rules.currency {
        broken.push(Broken::new("price law", tag.currency.code(), market.rules.currency.code()));
    }
    if let Some(reduction) = &tag.shown.reduction {
        broken.extend(match &market.rules.reference {
            ReferenceRule::Prior(rule) => prior_price::broken(tag, reduction, rule, market),
            ReferenceRule::Former(rule) => former_price::broken(tag, reduction, rule, market),
        });
    }
    broken.extend(unit_price::broken(tag, market));
    broken.extend(below_the_advertised_minimum(tag, market));
    broken.extend(personal_price_without_notice(tag, market));
    broken
}

/// A percentage may not promise more than the price gives, exactly.
fn promises_too_much(percent: Share, price: i64, reference: i64) -> bool {
    let saved = i128::from(reference) - i128::from(price);
    i128::from(percent.basis_points()) * i128::from(reference) > saved * 10_000
}

fn below_the_advertised_minimum(tag: &Tag, market: &Market) -> Option<Broken> {
    if !(market.rules.minimum_advertised && tag.shown.advertised) {
        return None;
    }
    match market.goods.minimum_advertised {
        None => Some(Broken::new("minimum advertised price", "it is not known", "0, or the price that the vendor set")),
        Some(least) if tag.price < least => Some(Broken::new("minimum advertised price", tag.price, least)),
        Some(_) => None,
    }
}

fn personal_price_without_notice(tag: &Tag, market: &Market) -> Option<Broken> {
    let text = market.rules.personal_price_notice.as_ref().filter(|_| tag.uses_personal_data)?;
    let shown = tag.shown.notice.as_ref();
    (shown != Some(text)).then(|| {
        Broken::new("personal price notice", shown.map_or("no notice", String::as_str), format!("the words: {text}"))
    })
}
