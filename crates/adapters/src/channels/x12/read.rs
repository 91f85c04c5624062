//! Reading what a supplier sent back: 855 and 865, and what an order comes to by them.

use super::super::notice::pieces;

/// How an order stands at the supplier, by all that it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not written about it.
    Unanswered,
    /// It will not deliver.
    Rejected,
    /// It will deliver this.
    Accepted {
        pieces: i64,
        /// In major units.
        unit_cost: String,
        /// The change that this answers.
        sequence: Option<u64>,
    },
}

/// Splits a text into interchanges; what stands between them is left out.
pub(super) fn interchanges(text: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut rest = text;
    while let Some(start) = rest.find("ISA") {
        rest = &rest[start..];
        let Some(end) = end_of(rest) else { return found };
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found
}

/// Where an interchange ends: behind its last segment.
fn end_of(text: &str) -> Option<usize> {
    let (element, end) = marks(text)?;
    let last = text.find(&format!("{end}IEA{element}")).or_else(|| text.find(&format!("\nIEA{element}")))?;
    // Behind the mark or the line end before it, however many bytes that has.
    let from = last + text[last..].chars().next()?.len_utf8();
    let behind = text[from..].find(end)?;
    Some(from + behind + end.len_utf8())
}

/// The marks that an interchange declares: between elements, and behind segments.
fn marks(text: &str) -> Option<(char, char)> {
    Some((text.chars().nth(3)?, text.chars().nth(105)?))
}

/// What an order comes to by all interchanges in their order.
pub(super) fn standing(received: &[String], number: &str) -> Standing {
    let mut standing = Standing::Unanswered;
    for interchange in received {
        let Some((element, end)) = marks(interchange) else { continue };
        let segments = interchange.split(end).map(|segment| segment.trim().split(element).collect::<Vec<_>>());
        let mut set: Vec<Vec<&str>> = vec![];
        for segment in segments {
            match segment[0] {
                "ST" => set = vec![segment],
                "SE" => standing = after(standing, &std::mem::take(&mut set), number),
                _ => set.push(segment),
            }
        }
    }
    standing
}

/// What one document makes of it. A refusal of a second order or of a change leaves what was accepted as it is.
fn after(standing: Standing, set: &[Vec<&str>], number: &str) -> Standing {
    let part = |segment: &Vec<&str>, index: usize| segment.get(index).copied().unwrap_or_default().to_owned();
    let Some(head) = set.iter().find(|segment| ["BAK", "BCA"].contains(&segment[0])) else { return standing };
    if part(head, 3) != number {
        return standing;
    }
    let was_accepted = matches!(standing, Standing::Accepted { .. });
    let lines = set.iter().filter(|segment| segment[0] == "ACK").filter_map(confirmed);
    let confirmed = lines.fold(0_i64, i64::saturating_add);
    if part(head, 2).starts_with('R') || confirmed == 0 {
        return if was_accepted { standing } else { Standing::Rejected };
    }
    let price = |segment: &&Vec<&str>| match segment[0] {
        "PO1" => Some(part(segment, 4)),
        "POC" => Some(part(segment, 6)),
        _ => None,
    };
    let Some(unit_cost) = set.iter().find_map(|segment| price(&segment)) else { return standing };
    let sequence = (head[0] == "BCA").then(|| part(head, 5).parse().ok()).flatten();
    Standing::Accepted { pieces: confirmed, unit_cost, sequence }
}

/// Pieces that a line will be delivered with: accepted, with changes or later, but not rejected.
fn confirmed(ack: &Vec<&str>) -> Option<i64> {
    const DELIVERED: [&str; 8] = ["IA", "IB", "IC", "ID", "IP", "IQ", "AC", "DR"];
    let status = ack.get(1)?;
    if DELIVERED.contains(status) { pieces(ack.get(2)?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutated;

    fn interchange(body: &str) -> String {
        format!(
            "ISA*00*          *00*          *ZZ*SUPPLIER       *ZZ*ACME           *261123*0431*U*00401*000000002*0*T*>~\n\
             GS*PR*A*B*20261123*0431*2*X*004010~\n{body}GE*1*2~\nIEA*1*000000002~\n"
        )
    }

    fn answered(head: &str, price: &str, ack: &str) -> String {
        interchange(&format!("ST*855*1~\n{head}~\n{price}~\n{ack}~\nSE*5*1~\n"))
    }

    #[test]
    fn an_order_is_what_the_supplier_last_confirmed() {
        let yes = answered("BAK*00*AD*E1*20261123", "PO1*1*100*EA*12.50**VP*W", "ACK*IA*100*EA");
        let second = answered("BAK*00*RD*E1*20261123", "PO1*1*50*EA*12.50**VP*W", "ACK*IR*0*EA");
        let change = answered("BCA*00*AC*E1**2*20261123", "POC*1*QD*80**EA*11.50**VP*W", "ACK*IQ*70*EA");
        let others = answered("BAK*00*AD*E2*20261123", "PO1*1*9*EA*1.50**VP*W", "ACK*IA*9*EA");
        let accepted = |pieces, cost: &str, sequence| Standing::Accepted { pieces, unit_cost: cost.into(), sequence };
        let by =
            |documents: &[&String]| standing(&documents.iter().map(|&text| text.clone()).collect::<Vec<_>>(), "E1");
        assert_eq!(by(&[]), Standing::Unanswered);
        assert_eq!(by(&[&others]), Standing::Unanswered);
        assert_eq!(by(&[&second]), Standing::Rejected);
        assert_eq!(by(&[&yes]), accepted(100, "12.50", None));
        assert_eq!(by(&[&yes, &second]), accepted(100, "12.50", None));
        assert_eq!(by(&[&yes, &change, &second]), accepted(70, "11.50", Some(2)));
    }

    #[test]
    fn a_mailbox_is_split_into_its_interchanges() {
        let (one, two) = (interchange("ST*997*1~\nSE*1*1~\n"), interchange("ST*855*1~\nSE*1*1~\n"));
        assert_eq!(interchanges(&format!("\n{one}\n\n{two}")).len(), 2);
        assert_eq!(interchanges(&one[..one.len() - 20]).len(), 0, "half an interchange is none");
        assert_eq!(interchanges("ISA"), [""; 0]);
    }

    #[test]
    fn broken_answers_of_a_supplier_are_read_or_left_out() {
        let yes = answered("BAK*00*AD*E1*20261123", "PO1*1*100*EA*12.50**VP*W", "ACK*IA*100*EA");
        let change = answered("BCA*00*AC*E1**2*20261123", "POC*1*QD*80**EA*11.50**VP*W", "ACK*IQ*70*EA");
        let files = [yes.clone().into_bytes(), format!("{yes}\n{change}").into_bytes()];
        let read = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let found: Vec<String> = interchanges(&text).into_iter().map(str::to_owned).collect();
            standing(&found, "E1") != Standing::Unanswered
        };
        let outcome = mutated::each("EDI answers", &files, mutated::copies(20_000), read);
        assert_eq!(outcome.panics, 0);
        assert!(outcome.read > 0);
    }

    #[test]
    fn marks_of_several_bytes_and_endless_pieces_break_nothing() {
        let strange = interchange("ST*855*1~\nSE*1*1~\n").replace('~', "\u{20ac}");
        assert_eq!(interchanges(&strange).len(), 1);
        let most =
            answered("BAK*00*AD*E1*20261123", "PO1*1*1*EA*1", &format!("ACK*IA*{0}*EA~\nACK*IA*{0}*EA", i64::MAX));
        let found = standing(&[most], "E1");
        assert!(matches!(found, Standing::Accepted { pieces: i64::MAX, .. }), "{found:?}");
    }
}
