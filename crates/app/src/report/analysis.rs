//! The page on past promotions: figures of the analysis laid out, none worked out.

use super::data::{currency, short};
use super::judgement;
use endcap_demand::coefficients::Applied;
use endcap_demand::{Analysed, Analysis, Fitted, ItemTotal, Split};
use endcap_model::{Currency, Sku};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Promotions on the page, the best and the worst; all of them stand in the table of files.
const PROMOTIONS_SHOWN: usize = 1_000;

/// What the page on past promotions is made from.
pub struct AnalysisPage<'a> {
    /// The promotions and their sums.
    pub analysis: &'a Analysis,
    /// The model that split them.
    pub fitted: &'a Fitted,
    /// Currency in whose minor units money is; nothing for the unit of a panel's prices.
    pub currency: Option<Currency>,
    /// Names of items; an item without one is shown by its number.
    pub names: &'a BTreeMap<Sku, String>,
    /// Edits of effects.
    pub edits: &'a [Applied],
    /// First and last period of the history.
    pub history: (String, String),
}

/// Lays the page's data out.
pub(super) fn of(page: &AnalysisPage) -> Value {
    let all = &page.analysis.events;
    let half = PROMOTIONS_SHOWN / 2;
    let shown: Vec<&Analysed> = match all.len() {
        few if few <= PROMOTIONS_SHOWN => all.iter().collect(),
        many => all[..half].iter().chain(&all[many - half..]).collect(),
    };
    let calendar = page.fitted.lift.calendar;
    let label = |sku: &Sku| page.names.get(sku).cloned().unwrap_or_else(|| sku.to_string());
    let promotion = |one: &&Analysed| {
        let event = &one.event;
        json!({
            "item": label(&event.sku),
            "region": event.region,
            "first": calendar.format(event.span.start),
            "last": calendar.format(event.span.end.plus(-1)),
            "depth": event.depth,
            "places": event.places,
            "sold": short(one.sold),
            "forecast": one.forecast.map(short),
            "baseline": short(event.baseline),
            "own": split(&event.own),
            "cannibalised": split(&event.cannibalised),
            "pulled": split(&event.pulled_forward),
            "halo": event.halo.as_ref().map(split),
            "net": split(&event.net),
            "naive": event.naive.map(short),
            "given": short(one.given_away),
            "revenue": split(&one.revenue),
            "profit": one.money.map(|money| split(&money.profit)),
            "parts": one.money.map(|money| {
                let halo = money.halo.unwrap_or_default();
                [money.own, money.anyway, money.cannibalised, money.pulled_forward, halo].map(|part| split(&part))
            }),
            "roi": one.money.and_then(|money| money.roi).map(|roi| split(&roi)),
            "naive_profit": one.money.and_then(|money| money.naive).map(short),
            "even": one.break_even_margin.map(short),
            "verdict": one.verdict,
            "why": one.why,
        })
    };
    json!({
        "currency": page.currency.map_or_else(|| json!({"code": "", "digits": 0}), currency),
        "periods": {"calendar": calendar, "first": 0, "labels": []},
        "history": page.history,
        "items": page.analysis.items.iter().map(|item| total(item, &label)).collect::<Vec<_>>(),
        "total": total(&page.analysis.total, &label),
        "promotions": shown.iter().map(promotion).collect::<Vec<_>>(),
        "left_out": all.len() - shown.len(),
        "edits": judgement::edits(page.edits),
        "overrides": [],
        "code": page.fitted.lift.code_version,
        "seed": page.fitted.lift.seed,
        "snapshot": page.fitted.lift.snapshot,
    })
}

/// Estimate, lower and upper end of the 95 % interval.
fn split(split: &Split) -> [f64; 3] {
    [split.units, split.lo95, split.hi95].map(short)
}

fn total(total: &ItemTotal, label: &dyn Fn(&Sku) -> String) -> Value {
    json!({
        "item": total.sku.as_ref().map(label),
        "promotions": total.events,
        "paid": total.paid,
        "lost": total.did_not_pay,
        "net": split(&total.net),
        "naive": short(total.naive),
        "given": short(total.given_away),
        "revenue": split(&total.revenue),
        "profit": total.profit.as_ref().map(split),
        "parts": total.parts,
        "naive_profit": total.naive_profit.map(short),
    })
}
