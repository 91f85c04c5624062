//! Setting rows in doubt aside, so that every row stays accounted for.

use super::Doubts;
use crate::Loaded;
use crate::column::Column;
use crate::intake::origin;
use crate::intern::ABSENT;
use crate::settle::parts;
use endcap_model::{Calendar, Period, SetAside};

impl Loaded {
    /// Whether the source of a row is believed, whatever it says.
    pub(super) fn is_trusted(&self, at: usize) -> bool {
        self.sources[origin(self.origins[self.rows[at] as usize]).0].trusted
    }

    /// What answers about a row of sales are kept under.
    pub(super) fn key(&self, at: usize, calendar: Calendar) -> String {
        self.apart(at, calendar, "", "").key(self.kind)
    }

    fn apart(&self, at: usize, calendar: Calendar, cause: &str, reason: &str) -> SetAside {
        let row = self.rows[at] as usize;
        let (source, number) = origin(self.origins[row]);
        let source = &self.sources[source];
        let column = source.columns.get(self.position("units")).map_or("", String::as_str);
        let name = |field: &str| match &self.columns[self.position(field)] {
            Column::Id(ids, _) if ids[row] != ABSENT => Some(self.texts_of(field)[ids[row] as usize].to_string()),
            _ => None,
        };
        SetAside {
            cause: cause.to_owned(),
            sku: name("sku"),
            place: name("place"),
            period: Some(calendar.format(Period(self.periods()[row]))),
            line: name("line"),
            ..SetAside::unreadable(&source.name, number, column, self.wholes("units")[row].to_string(), reason)
        }
    }

    /// Sets rows of sales aside.
    pub(super) fn set_aside_all(&mut self, doubts: &Doubts, calendar: Calendar, aside: &mut dyn FnMut(SetAside)) {
        if doubts.is_empty() {
            return;
        }
        for (&at, doubt) in doubts {
            aside(self.apart(at, calendar, doubt.cause, &doubt.reason));
            let counts = &mut self.sources[origin(self.origins[self.rows[at] as usize]).0].counts;
            for counts in [counts, &mut self.counts] {
                counts.loaded -= 1;
                counts.set_aside += 1;
            }
        }
        let mut at = 0;
        self.rows.retain(|_| {
            at += 1;
            !doubts.contains_key(&(at - 1))
        });
        self.parts = parts(Some(self.periods()), self.calendar, &self.rows);
        assert!(self.counts.add_up(), "Invariant: rows in doubt are all accounted for");
    }
}
