//! Writing 850 and 860 documents: segments with their lengths and characters checked, in one interchange.

use jiff::{Timestamp, tz::TimeZone};

/// Marks that stand between parts; no value may hold one.
const MARKS: [char; 3] = ['*', '~', '>'];

/// Who writes to whom: qualifier and name.
pub(super) struct Partners {
    pub sender: (String, String),
    pub receiver: (String, String),
}

/// An order of one line.
pub(super) struct Order {
    pub number: String,
    pub sku: String,
    pub place: String,
    pub pieces: i64,
    /// In major units.
    pub unit_cost: String,
    pub currency: String,
}

/// A change of an order to what it shall be from now on.
pub(super) struct Change {
    pub order: Order,
    /// Numbers the changes of an order.
    pub sequence: u64,
}

impl Partners {
    /// Whether they fit into the fixed widths of the envelope.
    pub fn check(&self) -> Result<(), (&'static str, &str)> {
        for (fields, (qualifier, name)) in
            [(["sender_qualifier", "sender"], &self.sender), (["receiver_qualifier", "receiver"], &self.receiver)]
        {
            if qualifier.len() != 2 || value("", qualifier, 2).is_err() {
                return Err((fields[0], qualifier));
            }
            if value("", name, 15).is_err() {
                return Err((fields[1], name));
            }
        }
        Ok(())
    }
}

/// An 850.
pub(super) fn order(partners: &Partners, control: u32, now: Timestamp, order: &Order) -> Result<String, String> {
    let body = [
        segment(&["BEG", "00", "SA", &order.number, "", &date(now)]),
        segment(&["CUR", "BY", &order.currency]),
        segment(&["N1", "ST", value("place", &order.place, 60)?, "92", value("place", &order.place, 80)?]),
        line(order, &["PO1", "1"], &[])?,
        segment(&["CTT", "1"]),
    ];
    Ok(interchange(partners, control, now, ("PO", "850"), &body))
}

/// An 860.
pub(super) fn change(partners: &Partners, control: u32, now: Timestamp, change: &Change) -> Result<String, String> {
    let order = &change.order;
    let sequence = change.sequence.to_string();
    let body = [
        segment(&["BCH", "04", "SA", &order.number, "", value("generation", &sequence, 8)?, &date(now)]),
        segment(&["CUR", "BY", &order.currency]),
        line(order, &["POC", "1", "QD"], &[""])?,
        segment(&["CTT", "1"]),
    ];
    Ok(interchange(partners, control, now, ("PC", "860"), &body))
}

/// The line of an order: a change has a kind before the quantity and a place for the quantity left after it.
fn line(order: &Order, head: &[&str], after_quantity: &[&str]) -> Result<String, String> {
    let pieces = order.pieces.to_string();
    let quantity = value("pieces", &pieces, 15)?;
    let rest = ["EA", value("unit cost", &order.unit_cost, 17)?, "", "BP", value("item", &order.sku, 48)?];
    Ok(segment(&[head, &[quantity], after_quantity, &rest].concat()))
}

fn interchange(
    partners: &Partners,
    control: u32,
    now: Timestamp,
    (group, set): (&str, &str),
    body: &[String],
) -> String {
    let zoned = now.to_zoned(TimeZone::UTC);
    let (day, minute) = (date(now), zoned.strftime("%H%M").to_string());
    let ((from_kind, from), (to_kind, to)) = (&partners.sender, &partners.receiver);
    let nine = format!("{control:09}");
    let isa = format!(
        "ISA*00*{:10}*00*{:10}*{from_kind}*{from:15}*{to_kind}*{to:15}*{}*{minute}*U*00401*{nine}*0*P*>~",
        "",
        "",
        &day[2..]
    );
    let (control, count) = (control.to_string(), (body.len() + 2).to_string());
    let head = segment(&["GS", group, from, to, &day, &minute, &control, "X", "004010"]);
    let begin = segment(&["ST", set, "0001"]);
    let end = segment(&["SE", &count, "0001"]) + &segment(&["GE", "1", &control]) + &segment(&["IEA", "1", &nine]);
    [isa, head, begin, body.concat(), end].concat()
}

/// A value that fits: not empty, not too long, and of characters that every partner reads.
fn value<'a>(what: &str, text: &'a str, longest: usize) -> Result<&'a str, String> {
    let plain =
        |letter: char| (' '..='~').contains(&letter) && letter != '^' && letter != '`' && !MARKS.contains(&letter);
    match text.chars().find(|letter| !plain(*letter)) {
        Some(letter) => Err(format!("X12 documents cannot hold {letter:?}, which the {what} '{text}' has")),
        None if text.trim().is_empty() => Err(format!("the {what} is empty")),
        None if text.len() > longest => Err(format!("the {what} '{text}' is longer than {longest} characters")),
        None => Ok(text),
    }
}

/// A segment without the empty elements at its end.
fn segment(elements: &[&str]) -> String {
    let filled = elements.iter().rposition(|element| !element.is_empty()).map_or(0, |last| last + 1);
    elements[..filled].join("*") + "~"
}

fn date(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partners() -> Partners {
        Partners { sender: ("ZZ".into(), "ACME".into()), receiver: ("ZZ".into(), "SUPPLIER".into()) }
    }

    fn milk(sku: &str) -> Order {
        let number = "E0123456789abcdef0123".to_owned();
        Order {
            number,
            sku: sku.into(),
            place: "north".into(),
            pieces: 80,
            unit_cost: "1.25".into(),
            currency: "EUR".into(),
        }
    }

    #[test]
    fn an_order_has_the_fixed_widths_and_counts_of_its_envelope() {
        let now = "2026-03-01T09:05:00Z".parse().unwrap();
        let text = order(&partners(), 7, now, &milk("MILK-1")).unwrap();
        assert_eq!(text.find("~").unwrap(), 105, "the head of an interchange has 106 characters");
        assert!(text.contains("BEG*00*SA*E0123456789abcdef0123**20260301~"));
        assert!(text.contains("PO1*1*80*EA*1.25**BP*MILK-1~CTT*1~SE*7*0001~GE*1*7~IEA*1*000000007~"));
        let change = Change { order: milk("MILK-1"), sequence: 2 };
        let text = super::change(&partners(), 8, now, &change).unwrap();
        assert!(text.contains("BCH*04*SA*E0123456789abcdef0123**2*20260301~"));
        assert!(text.contains("POC*1*QD*80**EA*1.25**BP*MILK-1~CTT*1~SE*6*0001~"));
    }

    #[test]
    fn what_a_document_cannot_hold_is_refused_before_it_is_written() {
        let now = "2026-03-01T09:05:00Z".parse().unwrap();
        for bad in ["MI*LK", "MILK~IEA", "müsli", "", &"x".repeat(49)] {
            assert!(order(&partners(), 7, now, &milk(bad)).is_err(), "{bad}");
        }
        let long = Partners { sender: ("ZZ".into(), "A".repeat(16)), ..partners() };
        assert_eq!(long.check().unwrap_err().0, "sender");
    }
}
