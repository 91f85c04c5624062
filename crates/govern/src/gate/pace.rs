//! Limits on how often: rates per item, agent and category, oscillation, doubles.

use super::case::{Case, Found};
use super::traffic::{DAY, HOUR, KEPT, Sent, Tally, shelf};
use jiff::SignedDuration;

/// Neither the item, nor the agent, nor the category changes too often.
pub fn is_not_too_frequent(case: &Case, found: &mut Found) {
    if case.intent.action.only_reverts() {
        return;
    }
    let (limits, intent) = (case.limits, case.intent);
    if intent.action.price().is_some() {
        let moves = changes(case, &shelf(intent), DAY).filter(|sent| sent.intent.action.price().is_some()).count();
        found.at_most("moves_per_day_max", with_this(moves), limits.moves_per_day_max.into());
    }
    let by_agent = changes(case, &Tally::Agent(intent.agent.clone()), HOUR).count();
    found.at_most("agent_changes_per_hour_max", with_this(by_agent), limits.agent_changes_per_hour_max.into());
    let in_category = changes(case, &Tally::Category(intent.category.clone()), HOUR).count();
    found.at_most("category_changes_per_hour_max", with_this(in_category), limits.category_changes_per_hour_max.into());
}

/// A price does not go up and down and up again.
pub fn does_not_oscillate(case: &Case, found: &mut Found) {
    let Some(price) = case.intent.action.new_price() else { return };
    let mut prices: Vec<i64> =
        changes(case, &shelf(case.intent), KEPT).filter_map(|sent| sent.intent.action.price()).collect();
    prices.reverse();
    prices.push(price);
    found.at_most("reversals_per_week_max", turns(&prices), case.limits.reversals_per_week_max.into());
}

/// Number of times that a series turns from up to down or back; standing still turns nothing.
fn turns(prices: &[i64]) -> i64 {
    let steps = prices.windows(2).map(|pair| (pair[1] - pair[0]).signum()).filter(|step| *step != 0);
    let steps: Vec<i64> = steps.collect();
    steps.windows(2).filter(|pair| pair[0] != pair[1]).count() as i64
}

/// Neither the same effect, nor another with the same subject, nor an older one than the last goes out.
pub fn was_not_sent_before(case: &Case, found: &mut Found) {
    let intent = case.intent;
    let last = case
        .sent(&shelf(intent), KEPT)
        .fold(case.standing.shelf.generation, |last, sent| last.max(sent.intent.generation));
    if intent.generation <= last {
        found.refuse("generation", intent.generation, format!("more than {last}, that of the last effect"));
    }
    let window = SignedDuration::from_hours(case.limits.duplicate_hours.into());
    let mut before = case.sent(&shelf(intent), window);
    if let Some(first) = before.find(|sent| sent.intent.does_the_same_as(intent)) {
        found.refuse("duplicate", format!("the same went out at {}", first.at), "once");
    }
}

/// What went out under a tally and changed something, not the way back to base prices.
fn changes<'a>(case: &'a Case, tally: &Tally, window: SignedDuration) -> impl Iterator<Item = &'a Sent> {
    case.sent(tally, window).filter(|sent| !sent.intent.action.only_reverts())
}

fn with_this(before: usize) -> i64 {
    before as i64 + 1
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn a_price_turns_when_it_goes_back_and_not_while_it_stands() {
        for (prices, expected) in [
            (&[][..], 0),
            (&[1], 0),
            (&[1, 2, 3], 0),
            (&[1, 2, 2, 3], 0),
            (&[1, 2, 1], 1),
            (&[1, 2, 2, 1], 1),
            (&[2, 1, 2, 1], 2),
        ] {
            assert_eq!(turns(prices), expected, "{prices:?}");
        }
    }
}
