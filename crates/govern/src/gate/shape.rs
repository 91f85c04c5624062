//! Is it something that can be checked: positive amounts, one currency, a span of time, the limits that hold.

use super::Action;
use super::case::{Case, Found};

/// The intent is whole and speaks of the currency and the limits that hold.
pub fn is_well_formed(case: &Case, found: &mut Found) {
    names_are_given(case, found);
    amounts_are_positive(case, found);
    currency_is_the_one_that_holds(case, found);
    span_is_not_over(case, found);
    if &case.intent.limits != case.hash && !case.intent.action.only_reverts() {
        found.refuse("limits", case.intent.limits.short(), format!("decided under the limits {}", case.hash.short()));
    }
}

fn names_are_given(case: &Case, found: &mut Found) {
    let intent = case.intent;
    let names = [
        ("item", intent.sku.as_str()),
        ("category", &intent.category),
        ("place", intent.place.as_str()),
        ("channel", intent.channel.as_str()),
        ("tenant", &intent.tenant),
        ("agent", &intent.agent),
    ];
    for (what, _) in names.iter().filter(|(_, name)| name.trim().is_empty()) {
        found.refuse("shape", format!("no {what}"), "every name is given");
    }
    if matches!(&intent.action, Action::Transfer { origin, .. } if *origin == intent.place) {
        found.refuse("shape", "a transfer from a place to itself", "two places");
    }
}

fn amounts_are_positive(case: &Case, found: &mut Found) {
    let cost = match case.intent.action {
        Action::Order { unit_cost, .. } => Some(unit_cost),
        _ => None,
    };
    let amounts = [("price", case.intent.action.price()), ("pieces", case.intent.action.pieces()), ("unit cost", cost)];
    for (what, amount) in amounts {
        if amount.is_some_and(|amount| amount <= 0) {
            found.refuse("shape", format!("{what} {}", amount.unwrap_or_default()), "1 or more");
        }
    }
}

fn currency_is_the_one_that_holds(case: &Case, found: &mut Found) {
    let Some(place) = found.need("currency", case.standing.currency, "the currency of the place") else { return };
    for (of, currency) in [("the place", place), ("the limits", case.limits.currency)] {
        if case.intent.currency != currency {
            found.refuse("currency", case.intent.currency.code(), format!("{}, that of {of}", currency.code()));
        }
    }
}

fn span_is_not_over(case: &Case, found: &mut Found) {
    let Some(until) = case.intent.until else { return };
    if until <= case.intent.from || until <= case.standing.now {
        found.refuse("validity", format!("from {} until {until}", case.intent.from), "a span that is not over");
    }
}
