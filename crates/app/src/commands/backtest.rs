//! `endcap backtest`: how good forecasts from past origins would have been, beside what needs no model.

use super::fit::Source;
use crate::console::{Console, Ending, table};
use crate::project::CODE_VERSION;
use endcap_demand::{Backtest, BacktestSettings, Score};
use serde::Serialize;

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
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    origins: Vec<String>,
    horizon: usize,
    cells_left_out: usize,
    scores: Vec<Score>,
    note: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let settings = BacktestSettings {
        origins: args.origins,
        horizon: args.horizon,
        code_version: CODE_VERSION.to_owned(),
        seed: args.seed,
    };
    let bar = console.progress("Backtest", 1);
    let scored = endcap_demand::backtest(&history.panel, &settings, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(bar.position().max(done as u64));
    });
    bar.finish_and_clear();
    let Backtest { origins, horizon, cells_left_out, scores, note } = scored?;
    let calendar = history.panel.calendar();
    let origins = origins.iter().map(|&origin| calendar.format(origin)).collect();
    console.result(&Summary { origins, horizon, cells_left_out, scores, note }, show)?;
    Ok(Ending::Done)
}

fn show(summary: &Summary) -> String {
    let mut scores = table(&["Cells", "Forecast", "Number", "WAPE", "Bias", "Pinball", "In 90 % interval"]);
    let percent = |value: f64| format!("{:.1} %", 100.0 * value);
    let if_any = |value: Option<f64>| value.map_or_else(String::new, percent);
    for score in &summary.scores {
        scores.add_row([
            score.cells.clone(),
            score.forecast.clone(),
            score.count.to_string(),
            percent(score.wape),
            format!("{:+.1} %", 100.0 * score.bias),
            if_any(score.pinball),
            if_any(score.coverage90),
        ]);
    }
    format!(
        "{} periods from each of {}\n{scores}\n{}\n{} cells were left out.",
        summary.horizon,
        summary.origins.join(", "),
        summary.note,
        summary.cells_left_out
    )
}
