//! Limits on how much at once: items, places, revenue, money given away, money ordered, summed over all that was sent.

use super::case::{Case, Found};
use super::traffic::{DAY, HOUR, Sent, Tally};
use super::{Action, Guardrail, order};
use endcap_model::Share;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Few items, few places and little revenue change at once.
pub fn touches_little_at_once(case: &Case, found: &mut Found) {
    if case.intent.action.new_price().is_none() {
        return;
    }
    let (business, limits) = (&case.standing.business, case.limits);
    if let Some(skus) = found.need("skus_per_hour_max", business.skus, "the number of items") {
        let touched: BTreeSet<_> = priced(case, &Tally::All, HOUR).map(|sent| &sent.intent.sku).collect();
        let all = touched.len() as i64 + i64::from(!touched.contains(&case.intent.sku));
        few("skus_per_hour_max", all, skus, limits.skus_per_hour_max, found);
    }
    if let Guardrail::Closed(why) = &case.standing.guardrail {
        found.refuse("guardrail", why, "places whose stage of the roll-out is open");
    }
    if case.standing.guardrail == Guardrail::Unread
        && let Some(places) = found.need("places_before_reading_max", business.places, "the number of places")
    {
        let reached: BTreeSet<_> =
            priced(case, &Tally::Sku(case.intent.sku.clone()), DAY).map(|sent| &sent.intent.place).collect();
        let all = reached.len() as i64 + i64::from(!reached.contains(&case.intent.place));
        few("places_before_reading_max", all, places, limits.places_before_reading_max, found);
    }
    let here = found.need("revenue_per_day_max", revenue(case), "the item's expected revenue");
    let whole = found.need("revenue_per_day_max", business.revenue_per_day, "the expected revenue");
    if let (Some(here), Some(whole)) = (here, whole) {
        let touched = sum(case, &Tally::All, |sent| sent.revenue).saturating_add(here);
        found.within_share("revenue_per_day_max", touched, whole, limits.revenue_per_day_max);
    }
}

/// Refuses more than a share of a whole; one is always few.
fn few(limit: &str, count: i64, whole: i64, share: Share, found: &mut Found) {
    found.at_most(limit, count, share.of(whole).max(1));
}

/// Money given away and money ordered stay within their limits together with everything sent and in flight.
pub fn stays_affordable_with_all_that_was_sent(case: &Case, found: &mut Found) {
    if case.intent.action.new_price().is_some()
        && let Some(here) = found.need("given_away_per_day_max", given_away(case), "what the cut gives away")
    {
        let all = sum(case, &Tally::All, |sent| sent.given_away).saturating_add(here);
        found.at_most("given_away_per_day_max", all, case.limits.given_away_per_day_max);
    }
    if let (Action::Order { supplier, .. }, Some(here)) = (&case.intent.action, order::value(case.intent)) {
        let all = sum(case, &Tally::Supplier(supplier.clone()), |sent| sent.order_value).saturating_add(here);
        found.at_most("supplier_per_day_max", all, case.limits.supplier_per_day_max);
    }
}

/// Money that a price below base gives away at expected sales until it ends; nothing known, nothing told.
pub fn given_away(case: &Case) -> Option<i64> {
    let price = case.intent.action.new_price()?;
    let shelf = &case.standing.shelf;
    let (base, pieces) = (shelf.base_price?, shelf.pieces_per_day.filter(|pieces| *pieces >= 0)?);
    Some(base.saturating_sub(price).max(0).saturating_mul(pieces).saturating_mul(days(case)))
}

/// Days that the intent lasts, each begun day as a whole one.
fn days(case: &Case) -> i64 {
    let Some(until) = case.intent.until else { return case.limits.open_end_days.into() };
    let seconds = until.duration_since(case.intent.from).as_secs();
    seconds.saturating_add(86_399) / 86_400
}

/// Revenue per day that the item is expected to bring at its place and channel.
pub fn revenue(case: &Case) -> Option<i64> {
    let shelf = &case.standing.shelf;
    case.intent.action.new_price()?;
    Some(shelf.confirmed_price?.saturating_mul(shelf.pieces_per_day.filter(|pieces| *pieces >= 0)?))
}

fn priced<'a>(case: &'a Case, tally: &Tally, window: SignedDuration) -> impl Iterator<Item = &'a Sent> {
    case.sent(tally, window).filter(|sent| sent.intent.action.new_price().is_some())
}

fn sum(case: &Case, tally: &Tally, of: impl Fn(&Sent) -> i64) -> i64 {
    case.sent(tally, DAY).fold(0, |sum, sent| sum.saturating_add(of(sent)))
}
