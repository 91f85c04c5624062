//! The former price in the United States: one at which the item was openly offered for a reasonably substantial time.
//!
//! # Source
//! 16 CFR 233.1 names no days; how many of how many count is data of the market.

use super::history::Offered;
use super::prior_price::days_before;
use super::{Broken, FormerPriceRule, Market, Reduction, Tag, promises_too_much};

const RULE: &str = "former price";

/// Returns what is wrong with an announced reduction.
pub fn broken(tag: &Tag, reduction: &Reduction, rule: &FormerPriceRule, market: &Market) -> Vec<Broken> {
    let Some(reference) = reduction.reference else {
        return vec![Broken::new(RULE, "a reduction without an earlier price", "the former price beside it")];
    };
    let mut all = Vec::new();
    if tag.price >= reference {
        all.push(Broken::new(RULE, format!("{} announced as reduced", tag.price), format!("less than {reference}")));
    }
    let seconds = match days_before(tag.from, rule.within_days, &market.zone) {
        Ok(begin) => seconds_offered_at(reference, begin, tag, market),
        Err(broken) => return vec![broken],
    };
    if seconds < i64::from(rule.days_min) * 86_400 {
        let found = format!("{reference} or more for {} of {} days", seconds / 86_400, rule.within_days);
        all.push(Broken::new(RULE, found, format!("{} days or more", rule.days_min)));
    }
    if let Some(percent) = reduction.percent.filter(|percent| promises_too_much(*percent, tag.price, reference)) {
        all.push(Broken::new("percentage", percent, format!("what {} is below {reference}", tag.price)));
    }
    all
}

/// Time for which the item was offered at a price or above; what is not known does not count.
fn seconds_offered_at(reference: i64, begin: jiff::Timestamp, tag: &Tag, market: &Market) -> i64 {
    let stretches = market.history.between(begin, tag.from);
    let offered = stretches.filter(|(_, _, offered)| matches!(offered, Offered::At(price) if *price >= reference));
    offered.map(|(begin, end, _)| end.duration_since(begin).as_secs()).sum()
}
