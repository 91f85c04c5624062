//! Why an offer runs or does not, and which other SKU could take its week.

use super::{Change, Offer, below, off};
use crate::commands::earlier::column;
use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_plan::formats::PromotionInstance;
use endcap_plan::solve::answers::{Case, Cause, Flipping, Margin, Obstacle, Pricing, Slot, Why};
use serde::Serialize;

/// Why a SKU runs in a week at its depth, or why it does not, and what would have to change.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap ask p200x13x5 --solved plan/solve.json why 12 3\n  \
                        endcap ask p200x13x5 --solved plan/solve.json why 12 3 --depth 0")]
pub struct WhyArgs {
    /// The SKU.
    sku: usize,
    /// The week.
    week: usize,
    /// Ask about the depth of this index; without it about the one that runs, or the best of those that do not.
    #[arg(long, value_name = "INDEX")]
    depth: Option<u32>,
}

/// Which other SKUs could take a week, with the best plan for each.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json slot 3 --from 12 --most 5")]
pub struct SlotArgs {
    /// The week.
    week: usize,
    /// The SKU that gives its promotion up; without it all that run may stay.
    #[arg(long, value_name = "SKU")]
    from: Option<usize>,
    /// List so many SKUs.
    #[arg(long, default_value_t = 5)]
    most: usize,
    /// Look for so many new plans at most.
    #[arg(long, default_value_t = 20)]
    tries: usize,
}

#[derive(Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum WhyAnswer {
    Runs(Runs),
    DoesNotRun(DoesNotRun),
}

#[derive(Serialize)]
struct Runs {
    offer: Offer,
    margin: MarginAnswer,
    /// The next-best depth of the same week, and the cents it loses at the prices.
    next_depth: Option<(Offer, f64)>,
    /// What the SKU would run instead; null when it must run.
    instead: Option<Vec<Offer>>,
    /// By how many cents the value may fall before that is better; null when it must run.
    may_fall: Option<f64>,
}

#[derive(Serialize)]
struct DoesNotRun {
    sku: usize,
    week: usize,
    cause: CauseAnswer,
    nearest: Option<Nearest>,
}

/// The offer that comes nearest, and what would make it run.
#[derive(Serialize)]
struct Nearest {
    offer: Offer,
    margin: MarginAnswer,
    /// What the bound loses when it is forced.
    regret: f64,
    /// No plan with it earns more.
    bound_with: i64,
    /// It would run if it earned so many cents more.
    must_rise: f64,
    /// The limit that it pays most for, the price it has, and the price at which it would run (null: none).
    at_price: Option<(String, f64, Option<f64>)>,
    /// What the SKU would run then.
    calendar: Vec<Offer>,
}

#[derive(Serialize)]
struct MarginAnswer {
    earns: i64,
    /// What it pays for each limit: name, amount used, cents.
    limits: Vec<(String, i64, f64)>,
    pairs: f64,
    stock: f64,
    left: f64,
}

#[derive(Serialize)]
#[serde(tag = "because", rename_all = "snake_case")]
enum CauseAnswer {
    NoDepth { too_large: Vec<TooLarge> },
    WorthNothing,
    Impossible,
    LimitsWorthMoreElsewhere,
    PairsLoseMore,
    StockWorthMoreLater,
    OtherWeeksBetter { displaced: Vec<Offer> },
    NoRoom { limits: Vec<String> },
    Even,
}

#[derive(Serialize)]
struct TooLarge {
    depth_index: u32,
    /// Null for the SKU's stock.
    limit: Option<String>,
    needs: i64,
    there_is: i64,
}

#[derive(Serialize)]
struct SlotAnswer {
    objective: i64,
    bound: i64,
    takers: Vec<TakerAnswer>,
    tried: usize,
    candidates: usize,
    /// No SKU that was not tried earns more; null when all were tried.
    rest: Option<i64>,
    proven: bool,
}

#[derive(Serialize)]
struct TakerAnswer {
    sku: usize,
    objective: i64,
    bound: i64,
    changes: Vec<Change>,
}

/// Answers `why`.
pub fn why(args: &WhyArgs, case: &Case, instance: &PromotionInstance, console: &Console) -> anyhow::Result<Ending> {
    let problem = case.problem;
    below("SKU", args.sku, problem.units())?;
    below("week", args.week, problem.periods())?;
    if let Some(depth) = args.depth {
        below("depth", depth as usize, instance.depths.len())?;
    }
    let runs = case.solution.column(problem, args.sku, args.week);
    let asked = args.depth.map(|depth| column(problem, args.sku, args.week, depth)).transpose()?;
    let pricing = case.pricing();
    let answer = match runs.filter(|runs| asked.is_none_or(|asked| asked == *runs)) {
        Some(column) => WhyAnswer::Runs(Runs::new(instance, column, &case.why(&pricing, column))),
        None => {
            let why = case.why_not(&pricing, args.sku, args.week, asked);
            let nearest =
                why.nearest.as_ref().map(|nearest| Nearest::new(instance, &pricing, case.solution.bound, nearest));
            let cause = CauseAnswer::new(instance, &why.cause);
            WhyAnswer::DoesNotRun(DoesNotRun { sku: args.sku, week: args.week, cause, nearest })
        }
    };
    console.result(&answer, |answer| match answer {
        WhyAnswer::Runs(runs) => runs_for_people(runs),
        WhyAnswer::DoesNotRun(not) => does_not_run_for_people(not),
    })?;
    Ok(Ending::Done)
}

/// Answers `slot`.
pub fn slot(args: &SlotArgs, case: &Case, instance: &PromotionInstance, console: &Console) -> anyhow::Result<Ending> {
    below("week", args.week, case.problem.periods())?;
    if let Some(sku) = args.from {
        below("SKU", sku, case.problem.units())?;
        let runs = case.solution.column(case.problem, sku, args.week).is_some();
        ensure!(runs, "--from {sku}: SKU {sku} has no promotion in week {} to give up", args.week);
    }
    let takers = case.takers(Slot { period: args.week, unit: args.from }, args.most, args.tries);
    let taker = |taker: &endcap_plan::solve::answers::Taker| TakerAnswer {
        sku: taker.unit,
        objective: taker.objective,
        bound: taker.bound,
        changes: Change::all(instance, &taker.changes),
    };
    let answer = SlotAnswer {
        objective: case.solution.objective,
        bound: case.solution.bound,
        takers: takers.takers.iter().map(taker).collect(),
        tried: takers.tried,
        candidates: takers.candidates,
        rest: takers.rest,
        proven: takers.proven(),
    };
    console.result(&answer, slot_for_people)?;
    Ok(Ending::Done)
}

impl Runs {
    fn new(instance: &PromotionInstance, column: u32, why: &Why) -> Self {
        Self {
            offer: Offer::new(instance, column),
            margin: MarginAnswer::new(instance, &why.margin),
            next_depth: why.option.map(|(other, loss)| (Offer::new(instance, other), loss)),
            instead: why.calendar.as_ref().map(|columns| Offer::all(instance, columns)),
            may_fall: why.may_fall,
        }
    }
}

impl Nearest {
    fn new(instance: &PromotionInstance, pricing: &Pricing, bound: i64, nearest: &Flipping) -> Self {
        let flip = &nearest.flip;
        let name = |limit: usize| instance.problem.limits()[limit].name.clone();
        Self {
            offer: Offer::new(instance, nearest.margin.column),
            margin: MarginAnswer::new(instance, &nearest.margin),
            regret: nearest.regret,
            bound_with: pricing.ceiling(nearest.regret).min(bound),
            must_rise: flip.rise,
            at_price: flip.limit.map(|(limit, price)| (name(limit), price, flip.price)),
            calendar: Offer::all(instance, &nearest.calendar),
        }
    }
}

impl MarginAnswer {
    fn new(instance: &PromotionInstance, margin: &Margin) -> Self {
        let limits = margin.limits.iter();
        let limits = limits.map(|cost| (instance.problem.limits()[cost.limit].name.clone(), cost.amount, cost.paid));
        Self {
            earns: margin.value,
            limits: limits.collect(),
            pairs: margin.pairs,
            stock: margin.stock,
            left: margin.left,
        }
    }
}

impl CauseAnswer {
    fn new(instance: &PromotionInstance, cause: &Cause) -> Self {
        let name = |limit: usize| instance.problem.limits()[limit].name.clone();
        let too_large = |obstacle: &Obstacle| TooLarge {
            depth_index: obstacle.option,
            limit: obstacle.limit.map(name),
            needs: obstacle.needed,
            there_is: obstacle.available,
        };
        match cause {
            Cause::NoColumn(obstacles) => Self::NoDepth { too_large: obstacles.iter().map(too_large).collect() },
            Cause::WorthNothing => Self::WorthNothing,
            Cause::Impossible => Self::Impossible,
            Cause::Limits => Self::LimitsWorthMoreElsewhere,
            Cause::Pairs => Self::PairsLoseMore,
            Cause::Stock => Self::StockWorthMoreLater,
            Cause::Elsewhere(columns) => Self::OtherWeeksBetter { displaced: Offer::all(instance, columns) },
            Cause::NoRoom(limits) => Self::NoRoom { limits: limits.iter().copied().map(name).collect() },
            Cause::Even => Self::Even,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::NoDepth { too_large } if too_large.is_empty() => "no depth earns anything there".to_owned(),
            Self::NoDepth { too_large } => {
                let each = |large: &TooLarge| {
                    let limit = large.limit.as_deref().unwrap_or("its stock");
                    format!(
                        "depth {} alone needs {} of {limit}, there are {}",
                        large.depth_index, large.needs, large.there_is
                    )
                };
                too_large.iter().map(each).collect::<Vec<_>>().join("; ")
            }
            Self::WorthNothing => "it earns nothing".to_owned(),
            Self::Impossible => "no calendar of the SKU with it keeps its spacing and stock".to_owned(),
            Self::LimitsWorthMoreElsewhere => "the limits it would use earn more elsewhere".to_owned(),
            Self::PairsLoseMore => "with the substitutes that run it would lose more than it earns".to_owned(),
            Self::StockWorthMoreLater => "its stock earns more in other weeks".to_owned(),
            Self::OtherWeeksBetter { displaced } => format!("it would displace what earns more: {}", list(displaced)),
            Self::NoRoom { limits } => {
                format!("it is as good as what runs, but there is no room left in {}", limits.join(", "))
            }
            Self::Even => "it is as good as what runs: no plan needs it".to_owned(),
        }
    }
}

fn list(offers: &[Offer]) -> String {
    if offers.is_empty() {
        return "nothing".to_owned();
    }
    offers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn margin_table(margin: &MarginAnswer) -> String {
    let mut rows = table(&["at the prices of the limits", "cents"]);
    rows.add_row(["it earns".to_owned(), margin.earns.to_string()]);
    for (limit, amount, paid) in margin.limits.iter().filter(|(_, _, paid)| *paid != 0.0) {
        rows.add_row([format!("pays for {amount} of {limit}"), format!("{:.1}", -paid)]);
    }
    for (what, paid) in [("pays for substitutes", margin.pairs), ("pays for its stock", margin.stock)] {
        if paid != 0.0 {
            rows.add_row([what.to_owned(), format!("{:.1}", -paid)]);
        }
    }
    rows.add_row(["is left with".to_owned(), format!("{:.1}", margin.left)]);
    rows.to_string()
}

fn runs_for_people(runs: &Runs) -> String {
    let next = match &runs.next_depth {
        Some((offer, loss)) => format!("The next best depth is {}: it loses {loss:.1} cents.", off(offer.depth)),
        None => "No other depth could run there.".to_owned(),
    };
    let instead = match (&runs.instead, runs.may_fall) {
        (Some(instead), Some(fall)) if fall > 0.0 => {
            format!("Were it to earn {fall:.1} cents less, the SKU would run instead: {}.", list(instead))
        }
        (Some(instead), _) => {
            format!("The prices alone would rather run {}: it fills what the limits leave.", list(instead))
        }
        (None, _) => "It must run.".to_owned(),
    };
    format!("{} runs.\n{}\n{next}\n{instead}", runs.offer, margin_table(&runs.margin))
}

fn does_not_run_for_people(not: &DoesNotRun) -> String {
    let head = format!("SKU {} does not run so in week {}: {}.", not.sku, not.week, not.cause.words());
    let Some(nearest) = &not.nearest else { return head };
    let price = match &nearest.at_price {
        Some((limit, now, Some(price))) => format!(", or if {limit} cost {price:.4} a unit, not {now:.4}"),
        Some((limit, _, None)) => format!("; a lower price of {limit} alone would not do"),
        None => String::new(),
    };
    format!(
        "{head}\nNearest: {}.\n{}\nForced, it costs the bound {:.1} cents: no plan with it earns more than {}.\n\
         It would run if it earned {:.1} cents more{price}; the SKU would then run {}.",
        nearest.offer,
        margin_table(&nearest.margin),
        nearest.regret,
        nearest.bound_with,
        nearest.must_rise,
        list(&nearest.calendar)
    )
}

fn slot_for_people(answer: &SlotAnswer) -> String {
    let mut rows = table(&["SKU", "a plan with it earns", "none earns more than", "what changes"]);
    for taker in &answer.takers {
        let changes: Vec<String> =
            taker.changes.iter().map(|change| format!("{} ({})", change.words(), change.value)).collect();
        rows.add_row([taker.sku.to_string(), taker.objective.to_string(), taker.bound.to_string(), changes.join("\n")]);
    }
    let rest = match answer.rest {
        Some(rest) if !answer.proven => format!(" Those not tried may earn up to {rest}."),
        _ => " No other earns more.".to_owned(),
    };
    format!(
        "The plan earns {}, none more than {}.\n{rows}\n{} of {} SKUs tried.{rest}",
        answer.objective, answer.bound, answer.tried, answer.candidates
    )
}
