//! The law of a market as data: what a market asks, with the options that its state has taken.

use super::Measure;
use endcap_model::Currency;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const SHIPPED: &str = include_str!("markets.json");

/// Member States of the European Union by ISO 3166-1, and the name of the strict rules that serve all of them.
const UNION: [&str; 28] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "EU", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Price law of one market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketRules {
    /// ISO 3166 code of country or state, such as `DE` or `US-NY`; `EU` for the strict rules without options.
    pub market: String,
    /// Currency that prices are shown in.
    pub currency: Currency,
    /// What an announced reduction is told against.
    pub reference: ReferenceRule,
    /// How unit prices are shown; none where the market asks for none.
    pub unit_price: Option<UnitPriceRule>,
    /// Whether minimum advertised prices of vendors are kept; never within the European Union.
    pub minimum_advertised: bool,
    /// Words that stand beside a price that data about a person shaped.
    pub personal_price_notice: Option<String>,
    /// Where it says so.
    pub source: String,
}

/// What an announced reduction is told against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceRule {
    /// The lowest price of the days before.
    Prior(PriorPriceRule),
    /// A price that was openly offered for long enough.
    Former(FormerPriceRule),
}

/// The lowest price of the days before, with the options that a Member State has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorPriceRule {
    /// Days before the reduction that count, at least 30.
    pub days: u32,
    /// Whether perishables may be called reduced without an earlier price.
    pub perishables_exempt: bool,
    /// Days for which new goods must have been on sale; absent where the state made no such rule.
    pub new_goods_days_min: Option<u32>,
    /// Whether all steps of a series of ever deeper reductions are told against the price before the first.
    pub series_allowed: bool,
}

/// A price that was openly offered for long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerPriceRule {
    /// Days for which it must have been offered in all.
    pub days_min: u32,
    /// Days before the reduction among which they are counted.
    pub within_days: u32,
}

/// How unit prices are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitPriceRule {
    /// Amount that the price is told for, by measure; measures that are not listed need no unit price.
    pub per: BTreeMap<Measure, i64>,
    /// Unit prices below this many minor units are shown in tenths of one.
    pub tenths_below: i64,
}

/// Rules that cannot be the law of a market.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The text is no list of markets.
    #[error("the law of markets cannot be read: {0}")]
    Unreadable(String),
    /// A rule is not one that the market can have.
    #[error("the law of {market}: {field} is {found}, expected {expected}")]
    Impossible {
        /// The market.
        market: String,
        /// The rule.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it could say.
        expected: &'static str,
    },
}

impl MarketRules {
    /// Reads a list of markets from JSON.
    ///
    /// # Errors
    /// [`RulesError`] when it cannot be read, or for the first rule that its market cannot have.
    pub fn read(json: &str) -> Result<Vec<Self>, RulesError> {
        let markets: Vec<Self> =
            serde_json::from_str(json).map_err(|error| RulesError::Unreadable(error.to_string()))?;
        markets.iter().try_for_each(Self::check)?;
        Ok(markets)
    }

    /// Checks that the rules are ones that the market can have.
    ///
    /// # Errors
    /// [`RulesError::Impossible`] for the first that is not.
    pub fn check(&self) -> Result<(), RulesError> {
        let wrong = |field, found: String, expected| {
            Err(RulesError::Impossible { market: self.market.clone(), field, found, expected })
        };
        let in_union = UNION.contains(&self.market.split('-').next().unwrap_or_default());
        match &self.reference {
            ReferenceRule::Prior(rule) if rule.days < 30 => wrong("days", rule.days.to_string(), "30 or more"),
            ReferenceRule::Former(_) if in_union => wrong("reference", "former".into(), "prior"),
            ReferenceRule::Former(rule) if rule.days_min == 0 || rule.days_min > rule.within_days => {
                wrong("days_min", rule.days_min.to_string(), "1 or more, and no more than within_days")
            }
            _ if in_union && self.minimum_advertised => wrong("minimum_advertised", "true".into(), "false"),
            _ => self.unit_price_is_possible().or_else(|found| wrong("unit_price", found, "amounts of 1 or more")),
        }
    }

    fn unit_price_is_possible(&self) -> Result<(), String> {
        let Some(rule) = &self.unit_price else { return Ok(()) };
        match rule.per.values().chain([&rule.tenths_below]).min() {
            Some(least) if *least < 0 || rule.per.values().any(|per| *per == 0) => Err(least.to_string()),
            _ => Ok(()),
        }
    }
}

/// The law of the markets that Endcap ships with, by market.
pub fn shipped_markets() -> BTreeMap<String, MarketRules> {
    let markets = MarketRules::read(SHIPPED).expect("Invariant: the shipped law of markets is read by a test");
    markets.into_iter().map(|rules| (rules.market.clone(), rules)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_markets_are_read() {
        let markets = shipped_markets();
        assert_eq!(markets.keys().map(String::as_str).collect::<Vec<_>>(), ["DE", "EU", "FR", "US", "US-NY"]);
        assert!(markets.values().all(|rules| !rules.source.is_empty()));
    }

    #[test]
    fn rules_that_a_market_cannot_have_are_refused() {
        let (union, us) = (shipped_markets()["DE"].clone(), shipped_markets()["US"].clone());
        let prior = |days| {
            ReferenceRule::Prior(PriorPriceRule {
                days,
                perishables_exempt: false,
                new_goods_days_min: None,
                series_allowed: false,
            })
        };
        let former = |days_min| ReferenceRule::Former(FormerPriceRule { days_min, within_days: 90 });
        let unit = |per, tenths_below| Some(UnitPriceRule { per: [(Measure::Gram, per)].into(), tenths_below });
        for (field, wrong) in [
            ("minimum_advertised", MarketRules { minimum_advertised: true, ..union.clone() }),
            ("days", MarketRules { reference: prior(29), ..union.clone() }),
            ("reference", MarketRules { reference: former(28), ..union.clone() }),
            ("days_min", MarketRules { reference: former(0), ..us.clone() }),
            ("days_min", MarketRules { reference: former(91), ..us.clone() }),
            ("unit_price", MarketRules { unit_price: unit(0, 0), ..us.clone() }),
            ("unit_price", MarketRules { unit_price: unit(-1, 0), ..us.clone() }),
            ("unit_price", MarketRules { unit_price: unit(1, -1), ..us.clone() }),
        ] {
            let error = wrong.check().unwrap_err();
            assert!(matches!(&error, RulesError::Impossible { field: of, .. } if *of == field), "{error}");
        }
        assert_eq!(MarketRules { reference: prior(30), ..union.clone() }.check(), Ok(()));
        assert_eq!(MarketRules { reference: former(90), ..us }.check(), Ok(()));
        let region = MarketRules { market: "DE-BY".into(), minimum_advertised: true, ..union };
        assert!(region.check().is_err());
    }
}
