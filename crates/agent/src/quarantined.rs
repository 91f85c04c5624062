//! Quarantined: which items at which places nobody acts on, because rows about them wait for an answer.
//!
//! Pure: from rows that were set aside, alarms and answers to what the gate asks. What a person confirmed as wrong holds
//! nothing up any more, and neither does what lies further back than the last periods that plans rest on.

use endcap_ingest::doubt::{Alarm, Answers, Verdict};
use endcap_model::{Calendar, FactKind, Period, Place, SetAside, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// Items and places with rows in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantined {
    /// Places of an item; all of them where there is none.
    items: BTreeMap<Sku, BTreeSet<Place>>,
    places: BTreeSet<Place>,
}

/// What it is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Calendar of the facts.
    pub calendar: Calendar,
    /// The last period of sales.
    pub last: Period,
    /// Periods back from it in which a row holds its item up.
    pub periods: u32,
}

impl Quarantined {
    /// Gathers what rows and alarms hold up.
    pub fn of(rows: &[(FactKind, SetAside)], alarms: &[Alarm], answers: &Answers, reach: Reach) -> Self {
        let mut found = Self::default();
        for (kind, row) in rows {
            let Some(sku) = &row.sku else { continue };
            if answers.of(&row.key(*kind)) == Some(Verdict::Confirmed) || !reach.holds(row) {
                continue;
            }
            let places = found
                .items
                .entry(sku.as_str().into())
                .or_insert_with(|| row.place.as_deref().map(as_place).into_iter().collect());
            match &row.place {
                Some(place) if !places.is_empty() => drop(places.insert(as_place(place))),
                Some(_) => {}
                None => places.clear(),
            }
        }
        // What is wrong with more of the business holds the model and lowers autonomy instead.
        let small = alarms.iter().filter(|alarm| !alarm.holds_the_model());
        found.places.extend(small.flat_map(|alarm| &alarm.places).map(|place| as_place(place)));
        found
    }

    /// Whether nobody acts on an item at a place.
    pub fn holds(&self, sku: &Sku, place: &Place) -> bool {
        self.places.contains(place)
            || self.items.get(sku).is_some_and(|places| places.is_empty() || places.contains(place))
    }

    /// Items with rows that wait for an answer.
    pub fn items(&self) -> usize {
        self.items.len()
    }
}

fn as_place(place: &str) -> Place {
    Place::new(place)
}

impl Reach {
    fn holds(self, row: &SetAside) -> bool {
        let period = row.period.as_ref().and_then(|period| self.calendar.parse(period).ok());
        period.is_none_or(|period| period.0 > self.last.0.saturating_sub_unsigned(self.periods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_ingest::doubt::{AlarmKind, Answer};

    fn row(sku: &str, place: Option<&str>, period: Option<&str>) -> (FactKind, SetAside) {
        let about = |text: Option<&str>| text.map(str::to_owned);
        let row = SetAside::unreadable("s.csv", 1, "units", "99".into(), "too many");
        (FactKind::Sales, SetAside { sku: Some(sku.into()), place: about(place), period: about(period), ..row })
    }

    fn reach() -> Reach {
        Reach { calendar: Calendar::Day, last: Calendar::Day.parse("2024-03-31").unwrap(), periods: 28 }
    }

    #[test]
    fn rows_hold_their_item_at_their_place_and_one_without_a_place_everywhere() {
        let rows = [row("milk", Some("a"), Some("2024-03-30")), row("eggs", None, None), row("eggs", Some("a"), None)];
        let held = Quarantined::of(&rows, &[], &Answers::default(), reach());
        let holds = |sku: &str, place: &str| held.holds(&sku.into(), &Place::new(place));
        assert_eq!([holds("milk", "a"), holds("milk", "b"), holds("beer", "a")], [true, false, false]);
        assert_eq!([holds("eggs", "a"), holds("eggs", "b")], [true, true]);
    }

    #[test]
    fn what_lies_back_or_was_answered_holds_nothing() {
        let rows = [row("milk", Some("a"), Some("2024-02-01")), row("beer", Some("a"), Some("2024-03-30"))];
        let answer = Answer {
            verdict: Verdict::Confirmed,
            key: rows[1].1.key(FactKind::Sales),
            by: "Ada".into(),
            at: String::new(),
            reason: "a slip".into(),
        };
        let held = Quarantined::of(&rows, &[], &Answers::new([&answer]), reach());
        assert_eq!(held, Quarantined::default());
    }

    #[test]
    fn an_alarm_about_a_place_holds_the_place_and_one_about_all_the_model() {
        let alarm = |share, places: &[&str]| Alarm {
            kind: AlarmKind::Drift,
            scope: "x".into(),
            places: places.iter().map(|place| (*place).to_owned()).collect(),
            since: Period(1),
            until: Period(2),
            share,
            reason: String::new(),
        };
        let held = Quarantined::of(&[], &[alarm(0.01, &["a"]), alarm(1.0, &["b"])], &Answers::default(), reach());
        assert!(held.holds(&"milk".into(), &Place::new("a")) && !held.holds(&"milk".into(), &Place::new("b")));
    }
}
