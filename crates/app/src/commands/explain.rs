//! `endcap explain`: why an offer stands in a plan, or why it does not.

use crate::commands::ground::{Terms, last_published};
use crate::console::{Console, Ending, table};
use anyhow::{Context, bail, ensure};
use endcap_adapters::tables::read_json;
use endcap_model::{Because, Calendar, Explanation, Instead, Money, Period, Place, Plan, RejectedOffer, Sku};
use endcap_plan::{LeftOut, NearestOffer, why_not};
use serde::Serialize;
use std::path::PathBuf;

/// Explain the offers of a plan, and the best ones that it left out.
///
/// Every cause is computed: what an offer earns, what the limits it uses are worth elsewhere, and the next best choice.
/// Asked about an item of a project, it also says for each period without a promotion what the best one would earn and
/// pay, and what the plan would lose with it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap explain shop/plan.json --sku 38\n  \
                        endcap explain shop/plan.json --sku 38 --place 0 --period 2024-06-27 --json\n  \
                        endcap explain shop --sku 38 --period 2024-06-27")]
pub struct Args {
    /// The plan, or the folder of a project: the plan that it published last.
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
    /// The scenario that the project's plan was made from; FOLDER/scenario.toml when not given.
    #[arg(long)]
    scenario: Option<PathBuf>,
}

/// What a plan says of the offers that were asked about.
#[derive(Serialize)]
struct Answer<'a> {
    chosen: Vec<&'a Explanation>,
    rejected: Vec<&'a RejectedOffer>,
    /// Every period in which the item of a project is not promoted; null for a plan alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Vec<LeftOut>>,
    /// Said when neither list holds anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_near: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let of_project = args.plan.is_dir();
    let path = if of_project { last_published(&args.plan)? } else { args.plan.clone() };
    let plan: Plan = read_json(&path)?;
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
    let left_out = match &args.sku {
        Some(sku) if of_project => Some(left_out(args, &plan, &Sku::new(sku), period, console)?),
        _ => None,
    };
    let known = left_out.as_ref().is_some_and(|left_out| !left_out.is_empty());
    let not_near = (chosen.is_empty() && rejected.is_empty() && !known).then(|| not_near(&plan, period));
    let answer = Answer { chosen, rejected, left_out, not_near };
    console.result(&answer, |answer| for_people(answer, &plan))?;
    Ok(Ending::Done)
}

/// Why an item is not promoted where it is not, from the facts that the plan was made from.
fn left_out(
    args: &Args,
    plan: &Plan,
    sku: &Sku,
    period: Option<Period>,
    console: &Console,
) -> anyhow::Result<Vec<LeftOut>> {
    let (folder, scenario) = (args.plan.clone(), args.scenario.clone());
    let terms = Terms { scenario, ..Terms::of(folder) };
    let ground = match terms.ground(terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => bail!("nothing can be explained: {reason}"),
    };
    let input = ground.input();
    let known = ground.baseline.rows.iter().any(|row| row.sku == *sku);
    ensure!(known, "--sku: the project forecasts no item '{sku}'");
    let place = args.place.as_deref().map(Place::new);
    let known = place.as_ref().is_none_or(|place| ground.facts.regions.values().any(|region| region == place));
    ensure!(known, "--place: the project has no region '{}'", args.place.as_deref().unwrap_or_default());
    why_not(&input, plan, (sku, place.as_ref(), period), &|| false)?.with_context(|| {
        format!(
            "plan {} was not made from the project's latest facts and this scenario: plan again, name its scenario with \
             --scenario, or explain its plan.json alone",
            plan.id
        )
    })
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
    match &answer.left_out {
        Some(left_out) => parts.extend(left_out.iter().map(|left_out| explain_left_out(left_out, plan))),
        None if answer.rejected.is_empty() => {}
        None => parts.push(rejected(&answer.rejected, plan)),
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

fn explain_left_out(left_out: &LeftOut, plan: &Plan) -> String {
    let LeftOut { sku, place, because, .. } = left_out;
    let head =
        format!("{sku} at {place} on {}: not promoted, because {because}.", plan.calendar.format(left_out.period));
    let money = |minor: f64| Money::new(minor.round() as i64, plan.currency).to_string();
    let Some(NearestOffer { depth, value, limits, left, regret, bound_with, .. }) = &left_out.nearest else {
        return head;
    };
    let mut rows = table(&[&format!("{depth} off"), "worth"]);
    rows.add_row(["earns".to_owned(), money(*value as f64)]);
    for (limit, amount, paid) in limits.iter().filter(|(_, _, paid)| *paid != 0.0) {
        rows.add_row([format!("pays for {amount} of {limit}"), money(-paid)]);
    }
    rows.add_row(["left after its limits".to_owned(), money(*left)]);
    rows.add_row(["costs the bound, were it to run".to_owned(), money(*regret)]);
    rows.add_row(["no plan with it is worth more than".to_owned(), money(*bound_with as f64)]);
    format!("{head}\n{rows}")
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
        Because::ShortSupply { instead } => match instead {
            None => "stock cannot cover it in time".to_owned(),
            Some(Instead::Wait { until, .. }) => {
                format!("stock cannot cover it in time: wait for the delivery, {}", calendar.format(*until))
            }
            Some(Instead::Move { from, pieces, .. }) => {
                format!("stock cannot cover it in time: it would pay with {pieces} pieces moved from {from}")
            }
        },
        Because::SizesMissing { covered } => format!(
            "missing sizes, not the price, make it slow ({:.0} % of its demand finds its size): move stock and rebuild sizes \
             instead",
            100.0 * covered
        ),
        Because::Forbidden { rule } => rule.clone(),
    }
}
