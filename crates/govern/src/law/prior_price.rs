//! The prior price of a reduction in the European Union: the lowest of the days before it, and the percentage from it.
//!
//! # Source
//! Directive 98/6/EC, Art. 6a: the lowest price during at least 30 days before the reduction; (3) goods that deteriorate,
//! (4) goods new on the market and (5) series of reductions as Member States allow. CJEU C-330/23 (26 September 2024): the
//! percentage, too, is computed from that price.

use super::history::Offered;
use super::{Broken, Market, PriceHistory, PriorPriceRule, Reduction, Tag, promises_too_much};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const RULE: &str = "prior price";

/// Returns what is wrong with an announced reduction.
pub fn broken(tag: &Tag, reduction: &Reduction, rule: &PriorPriceRule, market: &Market) -> Vec<Broken> {
    if rule.perishables_exempt
        && market.goods.perishable
        && reduction.reference.is_none()
        && reduction.percent.is_none()
    {
        return vec![];
    }
    let prior = match prior_price(tag, reduction, rule, market) {
        Ok(prior) => prior,
        Err(broken) => return vec![broken],
    };
    let mut all = Vec::new();
    if reduction.reference != Some(prior) {
        let shown = reduction.reference.map_or("no earlier price".to_owned(), |reference| reference.to_string());
        all.push(Broken::new(RULE, shown, format!("{prior}, the lowest of the {} days before", rule.days)));
    }
    if tag.price >= prior {
        all.push(Broken::new(RULE, format!("{} announced as reduced", tag.price), format!("less than {prior}")));
    }
    if let Some(percent) = reduction.percent.filter(|percent| promises_too_much(*percent, tag.price, prior)) {
        all.push(Broken::new("percentage", percent, format!("what {} is below {prior}", tag.price)));
    }
    all
}

/// Finds the price that a reduction has to be told against.
fn prior_price(tag: &Tag, reduction: &Reduction, rule: &PriorPriceRule, market: &Market) -> Result<i64, Broken> {
    let applied = match reduction.series_from.filter(|from| *from < tag.from) {
        Some(from) if rule.series_allowed => only_deeper(from, tag, &market.history)?,
        Some(_) => return Err(Broken::new(RULE, "a series of reductions", "each step on its own in this market")),
        None => tag.from,
    };
    let days_before = days_before(applied, rule.days, &market.zone)?;
    let since = market.goods.on_sale_since.ok_or_else(|| unknown("when the item came on sale"))?;
    let begin = if since > days_before { new_goods_from(since, applied, rule)? } else { days_before };
    lowest(begin, applied, &market.history)
}

/// Checks that from a time on every price was lower than the one before, up to the announced one.
fn only_deeper(from: Timestamp, tag: &Tag, history: &PriceHistory) -> Result<Timestamp, Broken> {
    let mut last = i64::MAX;
    let steps = history.between(from, tag.from).map(|(_, _, offered)| offered);
    for offered in steps.chain([Offered::At(tag.price)]) {
        match offered {
            Offered::At(price) if price <= last => last = price,
            Offered::Unknown => return Err(unknown("a price within the series of reductions")),
            _ => return Err(Broken::new(RULE, "a series of reductions with an interruption", "ever lower prices")),
        }
    }
    Ok(from)
}

fn new_goods_from(since: Timestamp, applied: Timestamp, rule: &PriorPriceRule) -> Result<Timestamp, Broken> {
    let expected = |days| Broken::new(RULE, format!("on sale since {since}"), format!("{days} days on sale before"));
    let days = rule.new_goods_days_min.ok_or_else(|| expected(rule.days))?;
    let on_sale = applied.duration_since(since).as_secs();
    if on_sale < i64::from(days) * 86_400 { Err(expected(days)) } else { Ok(since) }
}

/// Begin of the local day that lies this many days before.
pub fn days_before(time: Timestamp, days: u32, zone: &TimeZone) -> Result<Timestamp, Broken> {
    let date = time.to_zoned(zone.clone()).date();
    let first = date.checked_sub(i64::from(days).days()).and_then(|date| date.to_zoned(zone.clone()));
    first.map(|midnight| midnight.timestamp()).map_err(|_| unknown("the days before"))
}

fn lowest(from: Timestamp, until: Timestamp, history: &PriceHistory) -> Result<i64, Broken> {
    let mut lowest = None;
    for (begin, _, offered) in history.between(from, until) {
        match offered {
            Offered::At(price) => lowest = Some(lowest.map_or(price, |low: i64| low.min(price))),
            Offered::Unknown => return Err(unknown(&format!("the price at {begin}"))),
            Offered::NotSold => {}
        }
    }
    lowest.ok_or_else(|| unknown("any price in the days before"))
}

fn unknown(what: &str) -> Broken {
    Broken::new(RULE, format!("{what} is not known"), "prices confirmed at the channel for all those days")
}
