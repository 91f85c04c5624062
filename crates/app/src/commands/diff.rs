//! `endcap diff`: what changed from one plan to another, and what each change is worth.

use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_adapters::tables::read_json;
use endcap_model::{Calendar, Money, Offer, Plan};
use endcap_plan::{OfferChange, PlanDiff, diff};
use std::path::PathBuf;

/// Compare two plans: offers added, removed and changed with their value, and orders changed.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap diff monday/plan.json tuesday/plan.json")]
pub struct Args {
    /// The earlier plan.
    before: PathBuf,
    /// The later plan.
    after: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let before: Plan = read_json(&args.before)?;
    let after: Plan = read_json(&args.after)?;
    ensure!(
        before.currency == after.currency && before.calendar == after.calendar,
        "{} is in {} by {}, {} in {} by {}: plans can only be compared in one currency and calendar",
        args.before.display(),
        before.currency.code(),
        before.calendar,
        args.after.display(),
        after.currency.code(),
        after.calendar
    );
    console.result(&diff(&before, &after), |difference| for_people(difference, &after))?;
    Ok(Ending::Done)
}

fn for_people(difference: &PlanDiff, plan: &Plan) -> String {
    let money = |minor: i64| Money::new(minor, plan.currency).to_string();
    let mut offers = table(&["change", "item", "place", "from", "depth", "worth"]);
    for change in &difference.offers {
        let (what, offer, depth) = words(change);
        let from = plan.calendar.format(offer.span.start);
        offers.add_row([
            what.to_owned(),
            offer.sku.to_string(),
            offer.place.to_string(),
            from,
            depth,
            money(change.value()),
        ]);
    }
    let head = format!("value {} -> {}", money(difference.value_before), money(difference.value_after));
    let offers = if difference.offers.is_empty() { "no offer changed".to_owned() } else { offers.to_string() };
    format!("{head}\n{offers}\n{}", orders(difference, plan.calendar))
}

fn words(change: &OfferChange) -> (&'static str, &Offer, String) {
    match change {
        OfferChange::Added { offer, .. } => ("added", offer, offer.depth.to_string()),
        OfferChange::Removed { offer, .. } => ("removed", offer, offer.depth.to_string()),
        OfferChange::Changed { before, offer, .. } => ("changed", offer, format!("{before} -> {}", offer.depth)),
        OfferChange::Revalued { offer, .. } => ("revalued", offer, offer.depth.to_string()),
    }
}

fn orders(difference: &PlanDiff, calendar: Calendar) -> String {
    if difference.orders.is_empty() {
        return "no order changed".to_owned();
    }
    let mut rows = table(&["item", "place", "ordered", "arrives", "pieces before", "after"]);
    for order in &difference.orders {
        rows.add_row([
            order.sku.to_string(),
            order.place.to_string(),
            calendar.format(order.order_period),
            calendar.format(order.arrives),
            order.before.to_string(),
            order.after.to_string(),
        ]);
    }
    rows.to_string()
}
