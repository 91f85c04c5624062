//! What a channel without a format of its own is told: one flat record, the same in CSV, JSON and XML.

use endcap_agent::outbox::{Held, Message, Wanted};
use endcap_govern::gate::Intent;
use endcap_model::ContentHash;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Fields that are whole numbers.
const WHOLE: [&str; 4] = ["generation", "price", "pieces", "unit_cost"];

/// A message with what it wants, for those who carry it out. It says nothing that changes from attempt to attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The message's name, the same for every attempt.
    pub key: ContentHash,
    /// What it changes.
    pub subject: String,
    /// Grows with every decision about the subject: what is older must not come over what is newer.
    pub generation: u64,
    /// What is done, such as `start_offer`.
    pub action: String,
    /// The offer that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// What the subject shall be.
    #[serde(flatten)]
    pub wanted: Wanted,
}

impl Notice {
    /// What a message says.
    pub fn of(message: &Message, intent: &Intent) -> Self {
        Self {
            key: message.key(),
            subject: message.subject.clone(),
            generation: message.generation,
            action: intent.action.name().to_owned(),
            offer: intent.action.offer().map(str::to_owned),
            wanted: Wanted::of(intent),
        }
    }

    /// What a channel that holds it holds.
    pub fn held(&self) -> Held {
        Held::of(Some(self.generation), self.wanted.clone())
    }

    /// As JSON, the same bytes at any time.
    pub fn json(&self) -> Vec<u8> {
        endcap_model::canonical_json(self).into_bytes()
    }

    /// As fields in their order; what is open is left out.
    pub fn fields(&self) -> Vec<(String, String)> {
        let Ok(Value::Object(map)) = serde_json::to_value(self) else {
            unreachable!("Invariant: a notice is an object");
        };
        let text = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        map.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
    }

    /// Back from fields; nothing where they are no notice.
    pub fn from_fields(fields: &BTreeMap<String, String>) -> Option<Self> {
        let mut map = Map::new();
        for (name, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
            let value = match WHOLE.contains(&name.as_str()) {
                true => text.parse::<i64>().ok()?.into(),
                false => text.clone().into(),
            };
            map.insert(name.clone(), value);
        }
        serde_json::from_value(Value::Object(map)).ok()
    }
}

/// Names a subject where only short names fit; the letter keeps it from being read as a number.
pub(super) fn short_name(message: &Message, digits: usize) -> String {
    let hash = endcap_model::hash_json(&(message.channel.as_str(), &message.subject));
    format!("E{}", &hash.as_str()[..digits])
}

/// An amount in major units, as papers between companies write it.
pub(super) fn decimal(minor: i64, currency: endcap_model::Currency) -> String {
    let text = endcap_model::Money::new(minor, currency).to_string();
    text.split_once(' ').map(|(amount, _)| amount.to_owned()).unwrap_or(text)
}

/// Whole pieces from a number that may end in zeros.
pub(super) fn pieces(text: &str) -> Option<i64> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    rest.chars().all(|digit| digit == '0').then(|| whole.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Currency, hash_bytes};

    fn notice(until: Option<&str>) -> Notice {
        let wanted = Wanted::Price {
            sku: "milk, \"fresh\" <1>".into(),
            place: "north".into(),
            price: 150,
            currency: Currency::EUR,
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            until: until.map(|time| time.parse().unwrap()),
        };
        let (key, subject) = (hash_bytes(b"k"), "[\"price\",\"north\",\"milk\"]".to_owned());
        Notice { key, subject, generation: 3, action: "set_price".into(), offer: None, wanted }
    }

    #[test]
    fn what_is_told_can_be_told_back() {
        for until in [None, Some("2026-03-08T00:00:00Z")] {
            let notice = notice(until);
            assert_eq!(Notice::from_fields(&notice.fields().into_iter().collect()), Some(notice.clone()));
            assert_eq!(serde_json::from_slice::<Notice>(&notice.json()).unwrap(), notice);
        }
    }

    #[test]
    fn pieces_are_whole() {
        assert_eq!(pieces("80.000"), Some(80));
        assert_eq!(pieces(" 7"), Some(7));
        assert_eq!((pieces("7.5"), pieces("x"), pieces("")), (None, None, None));
        assert_eq!(decimal(1250, Currency::EUR), "12.50");
        assert_eq!(decimal(1250, Currency::JPY), "1250");
    }
}
