//! Sentences for causes, and which limits an offer uses.

use endcap_model::{Because, Breach, Calendar, Instead, LimitPrice, Offer, Place, Span};

/// Says why an offer stands or falls.
pub(super) fn sentence(because: &Because, calendar: Calendar) -> String {
    match because {
        Because::PaysForItsLimits => "Earns more than the limits it uses are worth elsewhere.".to_owned(),
        Because::Locked => "A person locked it.".to_owned(),
        Because::LosesMoney => "Would lose money even if every limit were free.".to_owned(),
        Because::LimitsWorthMoreElsewhere => {
            "Earns, but less than the limits it would use are worth elsewhere.".to_owned()
        }
        Because::OtherChoiceBetter { period, depth } => {
            format!("Another choice for this item is better: {} at {depth} off.", calendar.format(*period))
        }
        Because::ShortSupply { instead } => match instead {
            None => "Stock cannot cover it in time.".to_owned(),
            Some(Instead::Wait { until, .. }) => {
                format!("Stock cannot cover it in time: wait for the delivery, {}.", calendar.format(*until))
            }
            Some(Instead::Move { from, pieces, .. }) => {
                format!("Stock cannot cover it in time: it would pay with {pieces} pieces moved from {from}.")
            }
        },
        Because::SizesMissing { covered } => format!(
            "Missing sizes, not the price, make it slow ({:.0} % of its demand finds its size): move stock and rebuild sizes \
             instead.",
            100.0 * covered
        ),
        Because::Forbidden { rule } => format!("A rule forbids it: {rule}."),
    }
}

/// Says which limit of the policy is broken where.
pub(super) fn breach(breach: &Breach) -> String {
    let Breach { limit, found, allowed, at } = breach;
    format!("{}: {found} at {at}, allowed {allowed}", limit.replace('_', " "))
}

/// Returns the indexes of the limits that an offer uses and that have a price.
///
/// A limit is the whole plan's (`budget`), or is named for the period and place that it holds in
/// (`slots 2024-06-27 city 5`).
pub(super) fn limits_of(offer: &Offer, limits: &[LimitPrice], calendar: Calendar) -> Vec<usize> {
    let used = |limit: &LimitPrice| limit.price > 0.0 && holds_in(&limit.limit, &offer.place, offer.span, calendar);
    (0..limits.len()).filter(|&index| used(&limits[index])).collect()
}

fn holds_in(limit: &str, place: &Place, span: Span, calendar: Calendar) -> bool {
    let Some((_, scope)) = limit.split_once(' ') else { return true };
    let Some((period, at)) = scope.split_once(' ') else { return false };
    at == place.as_str() && calendar.parse(period).is_ok_and(|period| span.contains(period))
}
