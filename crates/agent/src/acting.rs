//! What people say once before anything may leave: who acts, between which prices, under which law and clock.

use endcap_govern::law::{MarketRules, shipped_markets};
use endcap_model::{Channel, Place, Share, Supplier};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Read from `acting.toml`; what is missing is an error, never a default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acting {
    /// Whose business it is.
    pub tenant: String,
    /// Name under which the machine acts; policies and the ladder know it.
    pub agent: String,
    /// Prices that people allow.
    pub prices: PriceBounds,
    /// Where prices go: to each of these.
    #[serde(default)]
    pub prices_to: Vec<Channel>,
    /// Where orders go, by supplier; `*` is any other.
    #[serde(default)]
    pub orders_to: BTreeMap<Supplier, Channel>,
    /// Where transfers go.
    #[serde(default)]
    pub transfers_to: Option<Channel>,
    /// Age in hours from which a checkpoint of the audit trail counts as missed; checkpoints are not watched when absent.
    #[serde(default)]
    pub checkpoint_hours_max: Option<u32>,
    /// Law and clock of places; the first that names a place holds.
    #[serde(rename = "market")]
    pub markets: Vec<Territory>,
    /// How often channels are read back.
    #[serde(default)]
    pub reconcile: Rounds,
}

/// How often what channels hold is held against what they must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// Minutes between two readings while `endcap send --watch` runs, 1 to 1440.
    pub every_minutes: u32,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { every_minutes: 15 }
    }
}

/// Prices that people allow, as shares of an item's base price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBounds {
    /// The lowest.
    pub floor: Share,
    /// The highest.
    pub ceiling: Share,
}

/// Places with one law and one clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Territory {
    /// The places; all when there is none.
    #[serde(default)]
    pub places: Vec<Place>,
    /// Name of a market whose law ships with Endcap, such as `DE`.
    #[serde(default)]
    pub law: Option<String>,
    /// The law itself, where none of those fits.
    #[serde(default)]
    pub rules: Option<MarketRules>,
    /// IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
}

/// What cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acting.toml: {field} is {found}: expected {expected}")]
pub struct ActingError {
    /// The field.
    pub field: &'static str,
    /// What it says.
    pub found: String,
    /// What would be read.
    pub expected: String,
}

impl Acting {
    /// Checks that every name is known and every bound leaves room.
    ///
    /// # Errors
    /// [`ActingError`] for the first that is not.
    pub fn check(&self) -> Result<(), ActingError> {
        let wrong = |field, found: &str, expected: &str| {
            Err(ActingError { field, found: format!("'{found}'"), expected: expected.to_owned() })
        };
        for (field, name) in [("tenant", &self.tenant), ("agent", &self.agent)] {
            if name.trim().is_empty() {
                return wrong(field, name, "a name");
            }
        }
        let (floor, ceiling) = (self.prices.floor.basis_points(), self.prices.ceiling.basis_points());
        if floor == 0 || floor > 10_000 || ceiling < 10_000 {
            let found = format!("{} to {}", self.prices.floor, self.prices.ceiling);
            return wrong("prices", &found, "a floor above 0, and the base price between floor and ceiling");
        }
        if !(1..=1440).contains(&self.reconcile.every_minutes) {
            return wrong("reconcile.every_minutes", &self.reconcile.every_minutes.to_string(), "1 to 1440");
        }
        for territory in &self.markets {
            territory.rules()?;
            territory.zone()?;
        }
        if self.markets.is_empty() {
            return wrong("market", "", "at least one, with law and time_zone");
        }
        Ok(())
    }

    /// Where an order to a supplier goes; nothing where none was stated.
    pub fn orders_to(&self, supplier: &Supplier) -> Option<&Channel> {
        self.orders_to.get(supplier).or_else(|| self.orders_to.get(&Supplier::new("*")))
    }

    /// Law and clock of a place; nothing where none was stated.
    pub fn territory(&self, place: &Place) -> Option<&Territory> {
        self.markets.iter().find(|market| market.places.is_empty() || market.places.contains(place))
    }
}

impl Territory {
    /// The law.
    ///
    /// # Errors
    /// [`ActingError`] when it names none, or one that does not ship.
    pub fn rules(&self) -> Result<MarketRules, ActingError> {
        let shipped = shipped_markets();
        let expected = || format!("one of {}, or `rules`", shipped.keys().cloned().collect::<Vec<_>>().join(", "));
        match (&self.rules, &self.law) {
            (Some(rules), None) => Ok(rules.clone()),
            (None, Some(law)) => shipped.get(law).cloned().ok_or_else(|| ActingError {
                field: "law",
                found: format!("'{law}'"),
                expected: expected(),
            }),
            _ => Err(ActingError { field: "law", found: "missing or said twice".into(), expected: expected() }),
        }
    }

    /// The clock.
    ///
    /// # Errors
    /// [`ActingError`] when nobody knows the time zone.
    pub fn zone(&self) -> Result<TimeZone, ActingError> {
        let expected = || "an IANA time zone, such as 'Europe/Berlin'".to_owned();
        TimeZone::get(&self.time_zone).map_err(|_| ActingError {
            field: "time_zone",
            found: format!("'{}'", self.time_zone),
            expected: expected(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
        tenant = "shop"
        agent = "endcap"
        prices_to = ["tills"]
        orders_to = { "dairy co" = "dairy", "*" = "erp" }
        [prices]
        floor = 0.6
        ceiling = 1.2
        [[market]]
        places = ["paris"]
        law = "FR"
        time_zone = "Europe/Paris"
        [[market]]
        law = "DE"
        time_zone = "Europe/Berlin"
    "#;

    fn read(text: &str) -> Acting {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_first_market_that_names_a_place_holds_and_orders_go_by_supplier() {
        let acting = read(SHOP);
        assert_eq!(acting.check(), Ok(()));
        let law = |place: &str| acting.territory(&Place::new(place)).unwrap().rules().unwrap().market;
        assert_eq!((law("paris"), law("bonn")), ("FR".into(), "DE".into()));
        let channel = |supplier: &str| acting.orders_to(&Supplier::new(supplier)).unwrap().to_string();
        assert_eq!((channel("dairy co"), channel("brewery")), ("dairy".into(), "erp".into()));
    }

    #[test]
    fn what_leaves_room_for_a_guess_is_refused() {
        for (from, to, field) in [
            ("tenant = \"shop\"", "tenant = \" \"", "tenant"),
            ("floor = 0.6", "floor = 0", "prices"),
            ("ceiling = 1.2", "ceiling = 0.9", "prices"),
            ("[prices]", "[reconcile]\nevery_minutes = 0\n[prices]", "reconcile.every_minutes"),
            ("law = \"DE\"", "law = \"XX\"", "law"),
            ("law = \"DE\"", "", "law"),
            ("Europe/Berlin", "Berlin", "time_zone"),
        ] {
            let wrong = read(&SHOP.replace(from, to)).check().unwrap_err();
            assert_eq!(wrong.field, field, "{wrong}");
        }
        assert!(toml::from_str::<Acting>(&SHOP.replace("tenant", "tennant")).is_err());
        let nowhere = Acting { markets: vec![], ..read(SHOP) };
        assert_eq!(nowhere.check().unwrap_err().field, "market");
    }
}
