//! `endcap compare`: plans under several goals side by side, and the trade-off of profit, revenue and pieces.

use crate::commands::ground::Terms;
use crate::commands::solve::watch_for_interrupt;
use crate::console::{Console, Ending, table};
use crate::report;
use anyhow::bail;
use endcap_adapters::files::write_atomic;
use endcap_model::{Currency, Goal, Money, Outcomes, Preset, Scenario, SolveStatus, Weights};
use endcap_plan::{GoalPoint, UnderGoal, compare, pareto};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Plan the same project for several goals, and show what profit, revenue and volume cost each other.
///
/// Each plan keeps the scenario's limits and comes with a bound that no plan for its goal exceeds. Nothing is approved,
/// published or kept.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap compare shop\n  endcap compare shop --goal max_margin --goal max_volume --json\n  \
                        endcap compare shop --pareto 4 --html compare.html"
)]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// Only this goal: a preset (max_margin, max_revenue, max_volume, max_sell_through, min_inventory, revenue_with_floor)
    /// or `scenario` for the scenario's own; may be given several times. All that differ when not given.
    #[arg(long, value_name = "NAME")]
    goal: Vec<String>,
    /// Show the plans that no other beats in profit, revenue and pieces too, from a grid of weights with so many steps:
    /// n steps are (n + 1)(n + 2) / 2 searches.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u8).range(1..=20))]
    pareto: Option<u8>,
    /// Write a page with chart and tables that needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The result, for programs. Money in whole minor units of `currency`, against no promotion.
#[derive(Serialize)]
struct Answer {
    scenario: String,
    currency: Currency,
    goals: Vec<Outcome>,
    /// Plans that no other beats in profit, revenue and pieces; null when not asked for.
    pareto: Option<Vec<Planned>>,
    /// Presets that were not asked for and say nothing here, with the reason.
    left_out: LeftOut,
}

#[derive(Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Outcome {
    Plan(Planned),
    Infeasible { goal: String, reasons: Vec<String> },
}

#[derive(Serialize)]
struct Planned {
    goal: String,
    weights: Weights,
    #[serde(flatten)]
    outcomes: Outcomes,
    spend: i64,
    offers: usize,
    /// Points of the goal.
    value: i64,
    bound: i64,
    gap: f64,
    status: SolveStatus,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let scenario = args.terms.scenario()?;
    let (goals, left_out) = goals(&args.goal, &scenario)?;
    let settings = args.terms.search()?;
    let ground = match args.terms.ground(scenario, console)? {
        Ok(ground) => ground,
        Err(reason) => bail!("nothing can be planned: {reason}"),
    };
    let (input, flag) = (ground.input(), watch_for_interrupt(console));
    let interrupt = || flag.load(Ordering::Relaxed);
    let spinner = console.spinner("goals");
    let under = compare(&input, &goals, &settings, &interrupt)?;
    let set = args.pareto.map(|steps| pareto(&input, steps.into(), &settings, &interrupt)).transpose()?;
    spinner.finish_and_clear();
    let answer = Answer {
        scenario: ground.scenario.name.clone(),
        currency: ground.scenario.currency,
        goals: under.into_iter().map(Outcome::new).collect(),
        pareto: set.map(|points| points.into_iter().map(Planned::new).collect()),
        left_out,
    };
    if let Some(path) = &args.html {
        write_atomic(path, report::trade_off(&answer, answer.currency)?.as_bytes())?;
    }
    console.result(&answer, for_people)?;
    let refused = answer.goals.iter().any(|goal| matches!(goal, Outcome::Infeasible { .. }));
    Ok(if refused { Ending::Refused } else { Ending::Done })
}

/// Presets that say nothing here, with the reason.
type LeftOut = Vec<(String, String)>;

/// The goals to plan for, and the presets that say nothing here.
fn goals(asked: &[String], scenario: &Scenario) -> anyhow::Result<(Vec<Goal>, LeftOut)> {
    let goals = asked.iter().map(|name| named(name, scenario)).collect::<anyhow::Result<Vec<Goal>>>()?;
    Ok(if goals.is_empty() { all(scenario) } else { (goals, vec![]) })
}

fn named(name: &str, scenario: &Scenario) -> anyhow::Result<Goal> {
    let goal = match Preset::ALL.into_iter().find(|preset| preset.name() == name) {
        Some(known) => preset(known, scenario),
        None if name == "scenario" => scenario.goal.clone(),
        None => {
            let known = Preset::ALL.map(Preset::name).join(", ");
            bail!("--goal: no goal is named '{name}': expected scenario or one of {known}")
        }
    };
    goal.check()?;
    Ok(goal)
}

fn all(scenario: &Scenario) -> (Vec<Goal>, LeftOut) {
    let own = &scenario.goal;
    let mut goals: Vec<Goal> = if own.weights.is_some() { vec![own.clone()] } else { vec![] };
    let mut left_out = Vec::new();
    for known in Preset::ALL {
        let idle = match known {
            Preset::RevenueWithFloor if own.sell_through_min.is_none() => Some("no goal.sell_through_min is given"),
            Preset::MaxSellThrough | Preset::MinInventory if scenario.run_out.is_empty() => {
                Some("every item is ordered again: none is named under [[run_out]]")
            }
            _ => None,
        };
        match idle {
            Some(reason) => left_out.push((known.name().to_owned(), reason.to_owned())),
            None => goals.push(preset(known, scenario)),
        }
    }
    (goals, left_out)
}

/// A preset with the scenario's least sell-through.
fn preset(preset: Preset, scenario: &Scenario) -> Goal {
    Goal { preset, weights: None, sell_through_min: scenario.goal.sell_through_min }
}

impl Outcome {
    fn new(under: UnderGoal) -> Self {
        match under {
            UnderGoal::Plan(point) => Self::Plan(Planned::new(point)),
            UnderGoal::Infeasible { goal, conflict } => Self::Infeasible { goal: name(&goal), reasons: conflict },
        }
    }
}

impl Planned {
    fn new(point: GoalPoint) -> Self {
        Self {
            goal: name(&point.goal),
            weights: point.goal.weights(),
            gap: point.gap(),
            outcomes: point.outcomes,
            spend: point.spend,
            offers: point.offers,
            value: point.value,
            bound: point.bound,
            status: point.status,
        }
    }
}

/// The goal with its own weights to three decimals.
fn name(goal: &Goal) -> String {
    let short = |weight: f64| (weight * 1000.0).round() / 1000.0;
    let weights = goal.weights.map(|own| Weights {
        margin: short(own.margin),
        revenue: short(own.revenue),
        piece: short(own.piece),
        unsold_piece: short(own.unsold_piece),
        unsold_value: short(own.unsold_value),
        waste: short(own.waste),
    });
    Goal { weights, ..goal.clone() }.to_string()
}

fn for_people(answer: &Answer) -> String {
    let plans: Vec<&Planned> = answer.goals.iter().filter_map(plan_of).collect();
    let mut text = format!("{}\n{}", answer.scenario, plans_table(&plans, answer.currency));
    for goal in &answer.goals {
        if let Outcome::Infeasible { goal, reasons } = goal {
            text.push_str(&format!("\n{goal}: no plan keeps every rule: {}", reasons.join("; ")));
        }
    }
    for (goal, reason) in &answer.left_out {
        text.push_str(&format!("\n{goal} is left out: {reason}."));
    }
    if let Some(set) = &answer.pareto {
        let plans: Vec<&Planned> = set.iter().collect();
        let head = "Plans that no other beats in profit, revenue and pieces together:";
        text.push_str(&format!("\n\n{head}\n{}", plans_table(&plans, answer.currency)));
    }
    text.push_str("\nAgainst no promotion. Value and bound are points of the goal: compare them within a row only.");
    text
}

fn plan_of(outcome: &Outcome) -> Option<&Planned> {
    match outcome {
        Outcome::Plan(plan) => Some(plan),
        Outcome::Infeasible { .. } => None,
    }
}

fn plans_table(plans: &[&Planned], currency: Currency) -> String {
    let money = |minor: i64| Money::new(minor, currency).to_string();
    let mut rows = table(&[
        "goal",
        "profit",
        "revenue",
        "pieces",
        "sell-through",
        "waste",
        "written down",
        "given away",
        "offers",
        "value",
        "bound",
        "gap",
    ]);
    for plan in plans {
        let outcomes = &plan.outcomes;
        let sold = outcomes.sell_through.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
        rows.add_row([
            plan.goal.clone(),
            money(outcomes.profit),
            money(outcomes.revenue),
            format!("{:.0}", outcomes.pieces),
            sold,
            money(outcomes.wasted),
            money(outcomes.written_down),
            money(plan.spend),
            plan.offers.to_string(),
            money(plan.value),
            money(plan.bound),
            format!("{:.4} %", plan.gap * 100.0),
        ]);
    }
    rows.to_string()
}
