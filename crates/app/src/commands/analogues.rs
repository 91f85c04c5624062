//! `endcap analogues`: what was tried that is most like an offer, and what came of it.

use super::ground::Terms;
use crate::analogues::of_project;
use crate::console::{Console, Ending, table};
use anyhow::{Context, bail};
use endcap_agent::analogues::{Asked, ToldAnalogues, ToldCase, told};
use endcap_agent::ground::Ground;
use endcap_demand::analogues::{Analogue, Analogues, Context as OfferContext, Quarters, generated};
use endcap_demand::{PlannedUnits, analyse};
use endcap_model::{Currency, Depth, Hasher, Money, Place, Sku, Span};
use rayon::prelude::*;
use serde::Serialize;
use std::time::Instant;

/// Show the past promotions that are most like an offer, and what came of them.
///
/// Like in item, category, depth, support, time of the year, region, price beside the category, stock before it, and length.
/// Past offers were chosen by people for their place and time: what came of them is no estimate of what this one will bring.
/// An item without a history of its own is shown what its category did.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap analogues shop --sku 38 --depth 0.2\n  \
                        endcap analogues shop --sku 38 --depth 0.2 --week 2024-W26 --store 0 --advert --json\n  \
                        endcap analogues shop --sku new-tea --category tea --depth 0.15")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// The item.
    #[arg(long, value_name = "SKU", required_unless_present = "rehearse")]
    sku: Option<String>,
    /// The cut, as a share.
    #[arg(long, value_name = "SHARE", required_unless_present = "rehearse", value_parser = super::plan::share)]
    depth: Option<f64>,
    /// First period, as the project writes it; the first after the facts when not given.
    #[arg(long, value_name = "PERIOD", visible_alias = "period")]
    week: Option<String>,
    /// Region, or a store of it; anywhere when not given.
    #[arg(long, value_name = "PLACE", visible_alias = "place")]
    store: Option<String>,
    /// Periods that it runs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=520))]
    periods: u16,
    /// It is advertised.
    #[arg(long)]
    advert: bool,
    /// It is displayed.
    #[arg(long)]
    display: bool,
    /// Category of an item that the facts do not know.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// So many, nearest first.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
    /// Measure the search on so many made-up promotions, in place of a project.
    #[arg(long, value_name = "CASES", hide = true, conflicts_with_all = ["sku", "depth"])]
    rehearse: Option<usize>,
    /// Questions of the rehearsal.
    #[arg(long, default_value_t = 200, hide = true)]
    questions: usize,
    /// Seed of the rehearsal.
    #[arg(long, default_value_t = 1, hide = true)]
    seed: u64,
}

/// The result for programs.
#[derive(Serialize)]
struct Shown {
    currency: Currency,
    #[serde(flatten)]
    told: ToldAnalogues,
}

/// What a rehearsal came to.
#[derive(Serialize)]
struct Rehearsed {
    cases: usize,
    build_seconds: f64,
    /// Of each question, how long the ten nearest took.
    query_microseconds: Vec<f64>,
    /// The same by looking at every case, of as many questions as were looked at so.
    exact_microseconds: Vec<f64>,
    /// Share of the ten truly nearest that were found.
    recall_at_10: f64,
    /// Hash of all answers: the same at any number of threads.
    answers: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    if let Some(cases) = args.rehearse {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.terms.threads.unwrap_or(0)).build()?;
        let rehearsed = pool.install(|| rehearse(cases, args.questions, args.seed));
        console.result(&rehearsed, |told| serde_json::to_string_pretty(told).unwrap_or_default())?;
        return Ok(Ending::Done);
    }
    let (Some(sku), Some(depth)) = (&args.sku, args.depth) else { bail!("name an item and a cut: --sku and --depth") };
    let ground = match args.terms.ground(args.terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => {
            console.note(format!("refused: {reason}"));
            return Ok(Ending::Refused);
        }
    };
    let asked = asked(args, &ground, sku, depth)?;
    let facts = &ground.facts;
    let known = facts.items.contains_key(&asked.sku) || ground.items.contains_key(&asked.sku);
    if !known && asked.category.is_none() {
        bail!("--sku: the facts have no item {sku}: give --category to ask about a new one");
    }
    let economics = facts.promotion_economics(Some(&ground.scenario));
    let analysis = || analyse(&ground.fitted, &facts.panel, &economics, &PlannedUnits::new());
    let analogues = of_project(&args.terms.folder, &ground, analysis)?;
    let shown =
        Shown { currency: ground.scenario.currency, told: told(&ground, &analogues, &asked, usize::from(args.most)) };
    if shown.told.nearest.is_empty() {
        console.note(
            "refused: the history has no promotion of an item that the model knows: at least 5 % off, or support",
        );
        return Ok(Ending::Refused);
    }
    console.result(&shown, for_people)?;
    Ok(Ending::Done)
}

fn asked(args: &Args, ground: &Ground, sku: &str, depth: f64) -> anyhow::Result<Asked> {
    let calendar = ground.facts.panel.calendar();
    let start = match &args.week {
        Some(text) => calendar.parse(text).context("--week")?,
        None => ground.facts.panel.span().context("the facts have no sales")?.end,
    };
    let place = args.store.as_deref().map(Place::new);
    if let Some(place) = place.as_ref().filter(|place| !is_known(ground, place)) {
        bail!("--store: the facts have no store and no region {place}");
    }
    Ok(Asked {
        sku: Sku::new(sku),
        category: args.category.clone(),
        place,
        span: Span::of_length(start, usize::from(args.periods)),
        depth: Depth::from_share(depth).context("--depth")?,
        feature: args.advert,
        display: args.display,
    })
}

fn is_known(ground: &Ground, place: &Place) -> bool {
    ground.facts.regions.iter().any(|(store, region)| store == place || region == place)
}

fn for_people(shown: &Shown) -> String {
    let money = |amount: f64| Money::new(amount.round() as i64, shown.currency).to_string();
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut rows =
        table(&["item", "where", "when", "off", "apart", "uplift", "net units", "profit", "95 %", "no stock"]);
    for ToldCase { sku, region, from, to, depth, distance, uplift, net, profit, stockout_share, .. } in
        &shown.told.nearest
    {
        rows.add_row([
            sku.to_string(),
            region.clone(),
            if from == to { from.clone() } else { format!("{from} to {to}") },
            percent(depth.share()),
            format!("{distance:.1}"),
            uplift.map_or_else(String::new, percent),
            format!("{:.0}", net.units),
            profit.map_or_else(String::new, |profit| money(profit.units)),
            profit.map_or_else(String::new, |profit| format!("{} to {}", money(profit.lo95), money(profit.hi95))),
            percent(*stockout_share),
        ]);
    }
    let spread = &shown.told.spread;
    let told = |name: &str, of: Option<Quarters>| {
        of.map_or_else(String::new, |of| {
            let [least, lower, middle, upper, most] = [of.least, of.lower, of.middle, of.upper, of.most].map(percent);
            format!("\n{name}: half of them between {lower} and {upper}, in the middle {middle}, all between {least} and {most}.")
        })
    };
    let new = if shown.told.item_was_promoted { "" } else { " The item itself was never promoted." };
    format!(
        "{rows}\n{} of {} gained, {} were out of stock at times; searched: {}.{new}{}{}\n{}",
        spread.gained,
        spread.costed,
        spread.ran_short,
        shown.told.searched,
        told("Uplift over usual units", spread.uplift),
        told("Profit over usual sales", spread.profit),
        shown.told.caution
    )
}

/// Measures the search on made-up promotions: questions are other made-up promotions, half of them near doubles of known ones.
fn rehearse(cases: usize, questions: usize, seed: u64) -> Rehearsed {
    const NEAREST: usize = 10;
    const LOOKED_THROUGH: usize = 100;
    let made = generated(cases, seed);
    let others = generated(questions.max(1), seed.wrapping_add(1_000_003));
    let every = (made.len() / questions.max(1)).max(1);
    let own = made.iter().step_by(every).map(|case| OfferContext { short_before: 0.05, ..case.context.clone() });
    let asked: Vec<OfferContext> =
        others.iter().map(|case| case.context.clone()).zip(own).flat_map(|(a, b)| [a, b]).take(questions).collect();
    let begun = Instant::now();
    let analogues = Analogues::of(made);
    let build_seconds = begun.elapsed().as_secs_f64();
    let mut answers = Hasher::default();
    let mut query_microseconds = Vec::with_capacity(asked.len());
    // Once before, so that what is measured is the search and not the first touch of its memory.
    asked.par_iter().for_each(|context| drop(analogues.nearest(context, NEAREST)));
    for context in &asked {
        let begun = Instant::now();
        let found = analogues.nearest(context, NEAREST);
        query_microseconds.push(begun.elapsed().as_secs_f64() * 1e6);
        for analogue in found {
            answers.add(name(&analogue));
        }
    }
    let looked: Vec<(f64, usize)> =
        asked.iter().take(LOOKED_THROUGH).map(|context| looked_through(&analogues, context)).collect();
    let found: usize = looked.iter().map(|(_, found)| found).sum();
    Rehearsed {
        cases: analogues.cases().len(),
        build_seconds,
        query_microseconds,
        exact_microseconds: looked.iter().map(|(time, _)| *time).collect(),
        recall_at_10: found as f64 / (NEAREST * looked.len().max(1)) as f64,
        answers: answers.finish().to_string(),
    }
}

/// How long a look at every case takes, and how many of the nearest the search had found.
fn looked_through(analogues: &Analogues, context: &OfferContext) -> (f64, usize) {
    let begun = Instant::now();
    let truly = analogues.nearest_of_all(context, 10);
    let time = begun.elapsed().as_secs_f64() * 1e6;
    let found = analogues.nearest(context, 10);
    (time, truly.iter().filter(|one| found.iter().any(|other| std::ptr::eq(one.case, other.case))).count())
}

fn name(analogue: &Analogue) -> String {
    let context = &analogue.case.context;
    format!("{} {} {} {}", context.sku, context.region, analogue.case.span.start.0, analogue.distance)
}
