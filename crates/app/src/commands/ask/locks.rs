//! What is fixed by hand: what each lock costs, and which rules clash when no plan keeps them all.

use super::{found, off};
use crate::commands::earlier::{Row, column, rows};
use crate::console::{Console, Ending, table};
use endcap_plan::formats::PromotionInstance;
use endcap_plan::solve::answers::{self, Case, Certainty, Lock, Rule};
use endcap_plan::solve::{Column, Problem, Settings, solve_from};
use serde::Serialize;
use std::path::PathBuf;

/// What each lock of a list costs, and all of them together.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json locks locks.csv\n\n\
                        locks.csv has the columns sku, week and depth_index; -1 keeps the SKU off promotion.")]
pub struct LocksArgs {
    /// The locks: sku, week, depth_index, where -1 is no promotion.
    locks: PathBuf,
    /// Look for plans without each of the so many dearest locks; the others have a price at the margin only.
    #[arg(long, default_value_t = 10)]
    most: usize,
}

/// The smallest set of rules that clash when no plan keeps them all with a list of locks, and by how much each must give.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 clash locks.csv --may budget --may locks")]
pub struct ClashArgs {
    /// The locks: sku, week, depth_index, where -1 is no promotion.
    locks: PathBuf,
    /// Rules that may give way; all when not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    may: Vec<Kind>,
}

/// A kind of rule.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// That a locked promotion runs.
    Locks,
    /// The budget.
    Budget,
    /// The slots of a week.
    Slots,
    /// Weeks between two promotions of a SKU.
    Spacing,
    /// The stock of a SKU.
    Stock,
}

#[derive(Serialize)]
struct LocksAnswer {
    /// What the best plan found with all locks earns, and no plan more than.
    objective: i64,
    bound: i64,
    locks: Vec<LockAnswer>,
    /// Without any of them; no bound when no search ended.
    objective_free: i64,
    bound_free: Option<i64>,
}

#[derive(Serialize)]
struct LockAnswer {
    sku: usize,
    week: usize,
    /// Null for no promotion.
    depth_index: Option<u32>,
    /// Cents that the SKU would gain without it, were the prices of limits to stay.
    price: f64,
    /// What the best plan found without it earns; null when it was not looked for.
    objective: Option<i64>,
    /// No plan without it earns more.
    bound: Option<i64>,
    /// That plan less the plan with all locks.
    cost: Option<i64>,
}

#[derive(Serialize)]
struct ClashAnswer {
    clash: bool,
    /// `proven`, or `suspected` where a plan was only not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    certainty: Option<&'static str>,
    /// Each alone ends the clash by giving way so far.
    give: Vec<Give>,
    /// Rules that take part but may not give way.
    keep: Vec<String>,
    /// Whether every rule named is needed for the clash.
    irreducible: bool,
}

#[derive(Serialize)]
struct Give {
    rule: String,
    now: i64,
    to: i64,
}

/// Answers `locks`.
pub fn prices(
    args: &LocksArgs,
    case: &Case,
    instance: &PromotionInstance,
    console: &Console,
) -> anyhow::Result<Ending> {
    let rows = rows(&args.locks, case.problem)?;
    let problem = locked(case.problem, &rows)?;
    let warm = case.solution.warm(case.problem);
    let Some(solution) = found(solve_from(&problem, &warm, case.settings, case.interrupt)) else {
        console.note(format!(
            "No plan keeps these locks: `endcap ask INSTANCE clash {}` says which rules clash.",
            args.locks.display()
        ));
        return Ok(Ending::Refused);
    };
    let locks: Vec<Lock> = rows.iter().map(|row| lock(case.problem, row)).collect();
    let with = Case { problem: &problem, solution: &solution, ..*case };
    let bar = console.progress("locks", args.most as u64);
    let prices = with.lock_prices(&locks, args.most, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let priced = |price: &answers::LockPrice| {
        let Row { sku, week, depth } = rows[price.lock];
        let (objective, bound, cost) = (price.objective, price.bound, price.cost(solution.objective));
        LockAnswer { sku, week, depth_index: depth, price: price.price, objective, bound, cost }
    };
    let answer = LocksAnswer {
        objective: solution.objective,
        bound: solution.bound,
        locks: prices.locks.iter().map(priced).collect(),
        objective_free: prices.objective,
        bound_free: (prices.bound < i64::MAX).then_some(prices.bound),
    };
    console.result(&answer, |answer| locks_for_people(answer, instance))?;
    Ok(Ending::Done)
}

/// Answers `clash`.
pub fn clash(
    args: &ClashArgs,
    instance: &PromotionInstance,
    settings: &Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
    console: &Console,
) -> anyhow::Result<Ending> {
    let problem = locked(&instance.problem, &rows(&args.locks, &instance.problem)?)?;
    let mut may = Rule::all(&problem);
    may.retain(|rule| args.may.is_empty() || args.may.contains(&kind(*rule)));
    let Some(clash) = answers::clash(&problem, &may, settings, interrupt) else {
        let none = ClashAnswer { clash: false, certainty: None, give: vec![], keep: vec![], irreducible: true };
        console.result(&none, |_| "No clash: a plan keeps all locks and rules.".to_owned())?;
        return Ok(Ending::Done);
    };
    let named = |rule: Rule| name(rule, &problem, instance);
    let give = |relaxed: &answers::Relaxed| Give { rule: named(relaxed.rule), now: relaxed.now, to: relaxed.to };
    let answer = ClashAnswer {
        clash: true,
        certainty: Some(match clash.certainty {
            Certainty::Proven => "proven",
            Certainty::Suspected => "suspected",
        }),
        give: clash.rules.iter().map(give).collect(),
        keep: clash.context.iter().copied().map(named).collect(),
        irreducible: clash.irreducible,
    };
    console.result(&answer, clash_for_people)?;
    Ok(Ending::Refused)
}

/// The problem with the locks.
fn locked(problem: &Problem, rows: &[Row]) -> anyhow::Result<Problem> {
    let mut edit = problem.edit();
    for &Row { sku, week, depth } in rows {
        match depth {
            None => edit.close(sku, week),
            Some(depth) => edit.force(column(problem, sku, week, depth)?),
        };
    }
    Ok(edit.build()?)
}

/// A lock with what could be chosen without it.
fn lock(problem: &Problem, row: &Row) -> Lock {
    let columns = problem.columns_at(row.sku, row.week).map(|column| column as u32);
    let others = columns.filter(|&column| Some(problem.option(column)) != row.depth).map(|column| Column {
        option: problem.option(column),
        value: problem.value(column),
        stock: problem.stock_use(column),
        uses: problem.uses(column).collect(),
    });
    Lock { unit: row.sku, period: row.week, others: others.collect() }
}

fn kind(rule: Rule) -> Kind {
    match rule {
        Rule::Required { .. } => Kind::Locks,
        Rule::Capacity { limit: 0 } | Rule::Least { limit: 0 } => Kind::Budget,
        Rule::Capacity { .. } | Rule::Least { .. } => Kind::Slots,
        Rule::Spacing { .. } | Rule::Window { .. } | Rule::Run { .. } | Rule::Rest { .. } => Kind::Spacing,
        Rule::Stock { .. } => Kind::Stock,
    }
}

fn name(rule: Rule, problem: &Problem, instance: &PromotionInstance) -> String {
    match rule {
        Rule::Required { unit, period } => {
            let depth = problem.columns_at(unit, period).next().map(|column| problem.option(column as u32));
            let depth = depth.map_or_else(String::new, |depth| format!(", {}", off(instance.depths[depth as usize])));
            format!("lock on SKU {unit}, week {period}{depth}")
        }
        Rule::Capacity { limit } => problem.limits()[limit].name.clone(),
        Rule::Least { limit } => format!("least use of {}", problem.limits()[limit].name),
        Rule::Spacing { unit } => format!("spacing of SKU {unit}"),
        Rule::Window { unit, .. } => format!("promoted weeks of SKU {unit}"),
        Rule::Run { unit } => format!("shortest run of SKU {unit}"),
        Rule::Rest { unit } => format!("rest of SKU {unit}"),
        Rule::Stock { unit } => format!("stock of SKU {unit}"),
    }
}

fn locks_for_people(answer: &LocksAnswer, instance: &PromotionInstance) -> String {
    let mut rows =
        table(&["SKU", "week", "locked at", "costs", "without it a plan earns", "none more than", "at the margin"]);
    let shown = |amount: Option<i64>| amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string());
    for lock in &answer.locks {
        let at =
            lock.depth_index.map_or_else(|| "no promotion".to_owned(), |depth| off(instance.depths[depth as usize]));
        rows.add_row([
            lock.sku.to_string(),
            lock.week.to_string(),
            at,
            shown(lock.cost),
            shown(lock.objective),
            shown(lock.bound),
            format!("{:.1}", lock.price),
        ]);
    }
    let bound = answer.bound_free.map_or_else(String::new, |bound| format!(", none more than {bound}"));
    format!(
        "With the locks a plan earns {}, none more than {}.\n{rows}\nWithout any of them a plan earns {}{bound}.",
        answer.objective, answer.bound, answer.objective_free
    )
}

fn clash_for_people(answer: &ClashAnswer) -> String {
    let mut rows = table(&["rule", "now", "no clash from"]);
    for give in &answer.give {
        rows.add_row([give.rule.clone(), give.now.to_string(), give.to.to_string()]);
    }
    let sure = if answer.certainty == Some("proven") {
        "It is proven that no plan keeps these rules together"
    } else {
        "No plan was found that keeps these rules together"
    };
    let keep = if answer.keep.is_empty() {
        String::new()
    } else {
        format!("\nThat may not give: {}.", answer.keep.join("; "))
    };
    let give = match answer.give.len() {
        0 => "The rules that may give way do not help.".to_owned(),
        _ => format!("{rows}\nEach of them alone ends the clash; a lock of 1 that goes to 0 is dropped."),
    };
    format!("{sure}.\n{give}{keep}")
}
