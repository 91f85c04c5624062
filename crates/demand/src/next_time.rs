//! What to do next time, from what a past promotion came to.
//!
//! One sentence per reason with its figures, the most important first. Never a figure that the analysis did not find.

use crate::analysis::{Analysed, Money, Verdict};
use serde::Serialize;

/// Share of the pieces sold from which lost ones are worth a word.
const LOST_MIN: f64 = 0.05;
/// Share of what a promotion added from which a loss elsewhere is worth a word.
const TAKEN_MIN: f64 = 0.15;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Run it again.
    Repeat,
    /// Order for it.
    Order,
    /// Cut the price less, or not at all.
    GiveLess,
    /// Keep it apart from its substitutes.
    KeepApart,
    /// Leave more time between offers.
    SpaceOut,
    /// Test it before it is repeated.
    Test,
    /// State what the item costs.
    StateCost,
}

/// A piece of advice with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextTime {
    /// What to do.
    pub advice: Advice,
    /// The reason, in words with figures.
    pub because: String,
}

/// Says what to do next time.
pub fn next_time(past: &Analysed) -> Vec<NextTime> {
    let mut all = Vec::new();
    let mut say = |advice, because: String| all.push(NextTime { advice, because });
    match (&past.money, past.verdict) {
        (None, _) => say(Advice::StateCost, past.why.clone()),
        (Some(_), Verdict::Paid) => say(Advice::Repeat, "Its whole interval is a gain.".to_owned()),
        (Some(money), Verdict::DidNotPay) => say(Advice::GiveLess, gave_less(past, money)),
        (Some(money), Verdict::CannotTell) => {
            let percent = 100.0 * money.probability_paid;
            say(
                Advice::Test,
                format!(
                    "It earned with a probability of {percent:.0} %: run it in some places and not in others, and read the \
                     difference."
                ),
            );
        }
    }
    if let Some(out) = past.stockouts.filter(|out| out.lost.units >= LOST_MIN * past.sold.max(1.0)) {
        let (cells, of, lost) = (out.cells, out.of_cells, out.lost.units);
        say(
            Advice::Order,
            format!("Stock ran out in {cells} of {of} item-place-periods: about {lost:.0} more pieces were wanted."),
        );
    }
    let added = past.event.own.units;
    let taken = |units: f64| added > 0.0 && -units >= TAKEN_MIN * added;
    if taken(past.event.cannibalised.units) {
        let lost = -past.event.cannibalised.units;
        say(
            Advice::KeepApart,
            format!(
                "Substitutes lost {lost:.0} of the {added:.0} pieces that it added: do not promote it while they are to be kept."
            ),
        );
    }
    if taken(past.event.pulled_forward.units) {
        let lost = -past.event.pulled_forward.units;
        say(
            Advice::SpaceOut,
            format!(
                "{lost:.0} of the {added:.0} pieces that it added were missing later: leave more time between offers."
            ),
        );
    }
    all
}

/// What a loss came from.
fn gave_less(past: &Analysed, money: &Money) -> String {
    let anyway = if past.given_away > 0.0 { -100.0 * money.anyway.units / past.given_away } else { 0.0 };
    let gift = format!("{anyway:.0} % of what it gave away went to pieces that would have been sold anyway");
    match past.break_even_margin {
        Some(margin) => format!("{gift}; at this depth it pays from a margin of {:.0} % on.", 100.0 * margin),
        None => format!("{gift}; at this depth no margin is enough."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Split;
    use crate::rollup::tests::promotion;
    use crate::stockouts::Stockouts;

    fn advice(of: &Analysed) -> Vec<Advice> {
        next_time(of).into_iter().map(|next| next.advice).collect()
    }

    #[test]
    fn a_gain_is_repeated_a_loss_is_not_and_an_open_case_is_tested() {
        assert_eq!(advice(&promotion("a", 0, 0.2, (10.0, 5.0))), [Advice::Repeat]);
        assert_eq!(advice(&promotion("a", 0, 0.2, (-10.0, 5.0))), [Advice::GiveLess]);
        assert_eq!(advice(&promotion("a", 0, 0.2, (1.0, 5.0))), [Advice::Test]);
        let unknown = Analysed { money: None, ..promotion("a", 0, 0.2, (1.0, 5.0)) };
        assert_eq!(advice(&unknown), [Advice::StateCost]);
    }

    #[test]
    fn what_went_elsewhere_and_what_was_missing_is_named_with_its_figures() {
        let mut past = promotion("a", 0, 0.2, (10.0, 5.0));
        let split = |units: f64| Split { units, lo95: units, hi95: units };
        past.event.cannibalised = split(-3.0);
        past.event.pulled_forward = split(-2.9);
        past.stockouts =
            Some(Stockouts { cells: 2, of_cells: 8, time_share: 0.1, lost: split(7.0), margin: Some(split(4.0)) });
        let told = next_time(&past);
        assert_eq!(advice(&past), [Advice::Repeat, Advice::Order, Advice::KeepApart], "2.9 of 20 is not worth a word");
        assert!(told[1].because.contains("2 of 8") && told[1].because.contains("about 7 more"), "{told:?}");
        assert!(told[2].because.contains("lost 3 of the 20"), "{told:?}");
    }
}
