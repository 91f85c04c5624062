//! `endcap explain`: why an offer stands in a plan, or why it does not.

use crate::console::{Console, Ending, table};
use anyhow::Context;
use endcap_adapters::tables::read_json;
use endcap_model::{Because, Calendar, Explanation, Money, Period, Place, Plan, RejectedOffer, Sku};
use serde::Serialize;
use std::path::PathBuf;

/// Explain the offers of a plan, and the best ones that it left out.
///
/// Every cause is computed: what an offer earns, what the limits it uses are worth elsewhere, and the next best choice.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap explain shop/plan.json --sku 38\n  \
                        endcap explain shop/plan.json --sku 38 --place 0 --period 2024-06-27 --json")]
pub struct Args {
    /// The plan.
    plan: PathBuf,
    /// Only this item.
    #[arg(long)]
    sku: Option<String>,
    /// Only this region or store.
    #[arg(long)]
    place: Option<String>,
    /// Only this period, as the plan's calendar writes it.
    #[arg(long)]
    period: Option<String>,
}

/// What a plan says of the offers that were asked about.
#[derive(Serialize)]
struct Answer<'a> {
    chosen: Vec<&'a Explanation>,
    rejected: Vec<&'a RejectedOffer>,
    /// Said when neither list holds anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_near: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let plan: Plan = read_json(&args.plan)?;
    let period = args.period.as_deref().map(|text| plan.calendar.parse(text)).transpose().context("--period")?;
    let wanted = |sku: &Sku, place: &Place, from: Period, to: Period| {
        args.sku.as_deref().is_none_or(|wanted| wanted == sku.as_str())
            && args.place.as_deref().is_none_or(|wanted| wanted == place.as_str())
            && period.is_none_or(|period| from <= period && period < to)
    };
    let report = &plan.report;
    let is_wanted = |e: &&Explanation| wanted(&e.offer.sku, &e.offer.place, e.offer.span.start, e.offer.span.end);
    let chosen: Vec<_> = report.offers.iter().filter(is_wanted).collect();
    let is_wanted = |r: &&RejectedOffer| wanted(&r.sku, &r.place, r.period, r.period.plus(1));
    let rejected: Vec<_> = report.rejected.iter().filter(is_wanted).collect();
    let not_near = (chosen.is_empty() && rejected.is_empty()).then(|| not_near(&plan, period));
    let answer = Answer { chosen, rejected, not_near };
    console.result(&answer, |answer| for_people(answer, &plan))?;
    Ok(Ending::Done)
}

fn not_near(plan: &Plan, period: Option<Period>) -> String {
    if let Some(period) = period.filter(|&period| !plan.span.contains(period)) {
        let last = plan.calendar.format(plan.span.end.plus(-1));
        let (first, asked) = (plan.calendar.format(plan.span.start), plan.calendar.format(period));
        return format!("{asked} lies outside the plan, which runs from {first} to {last}.");
    }
    let kept = plan.report.rejected.len();
    match plan.report.rejected.last() {
        None => "Not near: the plan left out no offer that it could have made.".to_owned(),
        Some(last) => format!(
            "Not near: the plan keeps the {kept} best offers that it left out, and the last of them misses by {}. This \
             one misses by more, or the plan could not value it (no forecast, price or response, see the assumptions).",
            Money::new(-(last.priced_margin as i64), plan.currency)
        ),
    }
}

fn for_people(answer: &Answer, plan: &Plan) -> String {
    if let Some(text) = &answer.not_near {
        return text.clone();
    }
    let chosen: Vec<String> = answer.chosen.iter().map(|explanation| explain(explanation, plan)).collect();
    let mut parts = chosen;
    if !answer.rejected.is_empty() {
        parts.push(rejected(&answer.rejected, plan));
    }
    parts.join("\n\n")
}

fn explain(explanation: &Explanation, plan: &Plan) -> String {
    let money = |minor: i64| Money::new(minor, plan.currency).to_string();
    let offer = &explanation.offer;
    let when = plan.calendar.format(offer.span.start);
    let mut rows = table(&["cause", "worth"]);
    for (cause, amount) in explanation.pnl.parts().into_iter().filter(|(_, amount)| *amount != 0) {
        rows.add_row([cause.replace('_', " "), money(amount)]);
    }
    rows.add_row(["total".to_owned(), money(explanation.pnl.total())]);
    rows.add_row([
        "95 % interval".to_owned(),
        format!("{} to {}", money(explanation.total_95.0), money(explanation.total_95.1)),
    ]);
    rows.add_row(["taken from the budget".to_owned(), money(explanation.budget_use)]);
    rows.add_row(["left after its limits".to_owned(), money(explanation.priced_margin.round() as i64)]);
    let next = match &explanation.next_best {
        Some((depth, total)) => format!("The next best depth is {depth}, worth {}.", money(*total)),
        None => "No other depth is allowed.".to_owned(),
    };
    format!(
        "{} at {} on {when}, {} off: {:.1} units without, {:.1} with it. It runs because {}.\n{rows}\n{next}",
        offer.sku,
        offer.place,
        offer.depth,
        explanation.baseline_units,
        explanation.promoted_units,
        cause(&explanation.because, plan.calendar)
    )
}

fn rejected(offers: &[&RejectedOffer], plan: &Plan) -> String {
    let mut rows = table(&["left out", "place", "period", "depth", "earns", "misses by", "because"]);
    for offer in offers {
        rows.add_row([
            offer.sku.to_string(),
            offer.place.to_string(),
            plan.calendar.format(offer.period),
            offer.depth.to_string(),
            Money::new(offer.total, plan.currency).to_string(),
            Money::new(-(offer.priced_margin.round() as i64), plan.currency).to_string(),
            cause(&offer.because, plan.calendar),
        ]);
    }
    rows.to_string()
}

fn cause(because: &Because, calendar: Calendar) -> String {
    match because {
        Because::PaysForItsLimits => "it earns more than the limits it uses are worth elsewhere".to_owned(),
        Because::Locked => "a person locked it".to_owned(),
        Because::LosesMoney => "it would lose money even with every limit free".to_owned(),
        Because::LimitsWorthMoreElsewhere => "the limits it would use earn more elsewhere".to_owned(),
        Because::OtherChoiceBetter { period, depth } => {
            format!("{depth} off on {} is better, and the two may not both run", calendar.format(*period))
        }
        Because::ShortSupply => "stock cannot cover it in time".to_owned(),
        Because::Forbidden { rule } => rule.clone(),
    }
}
