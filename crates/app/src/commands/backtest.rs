//! `endcap backtest`: how good forecasts from past origins would have been, beside what needs no model.

use super::fit::Source;
use super::forecast::Reconciliation;
use crate::console::{Console, Ending, table};
use crate::project::CODE_VERSION;
use endcap_adapters::sift::SetAside;
use endcap_demand::{Backtest, BacktestSettings, LagScore, LevelScore, Score};
use serde::Serialize;
use std::fmt::Display;

/// Score forecasts from past origins beside what a planner could do in a spreadsheet.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap backtest --panel history.parquet --controls holiday --origins 3 --horizon 14\n  endcap backtest shop --json"
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Number of past origins.
    #[arg(long, default_value_t = 3)]
    origins: usize,
    /// Periods forecast from each origin; 14 days or 4 other periods when not given.
    #[arg(long)]
    horizon: Option<usize>,
    /// Seed that is kept with the fits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How forecasts of sums and of their cells are brought together.
    #[arg(long, value_enum, default_value_t = Reconciliation::Mint)]
    reconcile: Reconciliation,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    origins: Vec<String>,
    horizon: usize,
    cells_left_out: usize,
    scores: Vec<Score>,
    lags: Vec<LagScore>,
    levels: Vec<LevelScore>,
    note: String,
    /// Rows of a panel file that cannot be used.
    set_aside: Vec<SetAside>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let settings = BacktestSettings {
        origins: args.origins,
        horizon: args.horizon,
        code_version: CODE_VERSION.to_owned(),
        seed: args.seed,
        reconcile: args.reconcile.into(),
    };
    let bar = console.progress("Backtest", 1);
    let scored = endcap_demand::backtest(&history.panel, &settings, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(bar.position().max(done as u64));
    });
    bar.finish_and_clear();
    let Backtest { origins, horizon, cells_left_out, scores, lags, levels, note } = scored?;
    let calendar = history.panel.calendar();
    let origins = origins.iter().map(|&origin| calendar.format(origin)).collect();
    let set_aside = history.set_aside;
    console.result(&Summary { origins, horizon, cells_left_out, scores, lags, levels, note, set_aside }, show)?;
    Ok(Ending::Done)
}

/// What the words of the tables mean.
const WORDS: &str = "WAPE: sum of absolute errors over units sold. Bias: + forecasts too much. endcap ahead by: points of WAPE that \
    endcap errs less. In 90 %: cells inside the 90 % interval. A cell is an item at a place in a period; base: not \
    promoted, deep: 25 % off and more.";

fn show(summary: &Summary) -> String {
    format!(
        "{} periods from each of {}\n{}\n{WORDS}\n\nOur forecast of cells\n{}\nOur forecast of sums, period by period\n{}\n\
         Our forecast by periods ahead\n{}\n{}\n{} cells were left out.",
        summary.horizon,
        summary.origins.join(", "),
        show_scores(&summary.scores),
        show_errors(&summary.scores),
        show_levels(&summary.levels),
        show_lags(&summary.lags),
        summary.note,
        summary.cells_left_out
    )
}

/// All forecasts side by side; the cells are named once.
fn show_scores(scores: &[Score]) -> impl Display {
    let mut shown = table(&["Cells", "Forecast", "Number", "WAPE", "Bias", "endcap ahead by", "In 90 %"]);
    let mut cells = "";
    for score in scores {
        let repeated = std::mem::replace(&mut cells, &score.cells) == score.cells;
        shown.add_row([
            if repeated { String::new() } else { score.cells.clone() },
            score.forecast.clone(),
            if repeated { String::new() } else { score.count.to_string() },
            percent(score.wape),
            signed(score.bias),
            if_any(score.value_added, points),
            if_any(score.coverage90, percent),
        ]);
    }
    shown
}

/// Further errors of our forecast.
fn show_errors(scores: &[Score]) -> impl Display {
    let mut shown = table(&["Cells", "WAPE", "Noise floor", "RMSE / mean", "MAPE where sold", "Pinball / mean"]);
    for score in scores.iter().filter(|score| score.value_added.is_none()) {
        shown.add_row([
            score.cells.clone(),
            percent(score.wape),
            if_any(score.noise_floor, percent),
            if_any(score.rmse, percent),
            if_any(score.mape_where_sold, percent),
            if_any(score.pinball, percent),
        ]);
    }
    shown
}

fn show_levels(levels: &[LevelScore]) -> impl Display {
    let mut shown = table(&["Level", "Cells", "Sums", "WAPE", "Bias", "In 90 %"]);
    // References have no intervals.
    for level in levels.iter().filter(|level| level.coverage90.is_some()) {
        shown.add_row([
            level.level.clone(),
            level.cells.clone(),
            level.count.to_string(),
            percent(level.wape),
            signed(level.bias),
            if_any(level.coverage90, percent),
        ]);
    }
    shown
}

fn show_lags(lags: &[LagScore]) -> impl Display {
    let mut shown = table(&["Periods ahead", "Cells", "Number", "WAPE", "Bias"]);
    for lag in lags {
        let ahead = if lag.from == lag.to { lag.to.to_string() } else { format!("{} to {}", lag.from, lag.to) };
        shown.add_row([ahead, lag.cells.clone(), lag.count.to_string(), percent(lag.wape), signed(lag.bias)]);
    }
    shown
}

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

fn signed(value: f64) -> String {
    format!("{:+.1} %", 100.0 * value)
}

/// Percentage points.
fn points(value: f64) -> String {
    format!("{:+.1}", 100.0 * value)
}

fn if_any(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or_else(String::new, show)
}
