//! `endcap drift`: whether newer sales still look like those that the model was fitted to.

use super::fit::Source;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::tables::read_json;
use endcap_demand::{Distribution, Drift, Fitted, Measured, Watch, WatchedErrors, newest, watch};
use endcap_model::Panel;
use serde::Deserialize;
use std::path::PathBuf;

/// Compare the newest sales with the model: are inputs, forecasts and errors still what they were?
///
/// Forecasts every period after the model's history as the model would have, at the prices and support that were run, and
/// sets errors beside those of the end of the history that the fit held out. Needs sales newer than the model: `endcap
/// ingest` first, and no `endcap fit` since.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap drift shop\n  endcap drift --panel sales.parquet --model effects/model.json --periods 4 --json\n\nExit status 1 when errors have drifted: fit again."
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Model that `endcap fit` wrote, with its model-card.json beside it; FOLDER/models/model.json when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Look at the newest so many periods only.
    #[arg(long, value_name = "PERIODS", value_parser = clap::value_parser!(u16).range(1..=1000))]
    periods: Option<u16>,
}

/// What of a model card is compared.
#[derive(Deserialize)]
struct Card {
    drift: Vec<Distribution>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let path = match (&args.model, &args.source.folder) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join("models").join("model.json"),
        (None, None) => anyhow::bail!("no model: give --model with --panel"),
    };
    let fitted: Fitted = read_json(&path).context("the model is needed: run `endcap fit` first")?;
    let card: Card = read_json(&path.with_file_name("model-card.json")).context("`endcap fit` writes it")?;
    let panel = args.source.read()?.panel;
    check(&fitted, &panel)?;
    let Some(newest) = newest(&fitted, &panel, args.periods.map(usize::from)) else {
        console.note(format!(
            "refused: nothing was sold after {}, where the model's history ends: load newer sales first",
            fitted.lift.calendar.format(fitted.lift.span.end.plus(-1))
        ));
        return Ok(Ending::Refused);
    };
    let summary = watch(&fitted, &card.drift, &panel, newest)?;
    console.result(&summary, for_people)?;
    if summary.verdict == Drift::Drifted {
        console.note(format!("drifted: {}", summary.advice));
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

/// Whether the history is the one that the model was fitted to, with what came after.
fn check(fitted: &Fitted, panel: &Panel) -> anyhow::Result<()> {
    let (lift, sold) = (&fitted.lift, panel.span().context("the history has no rows")?);
    ensure!(
        panel.calendar() == lift.calendar && sold.start < lift.span.end,
        "the model was fitted by {} to {}: give the history that it was fitted to, and what came after",
        lift.calendar,
        lift.calendar.format(lift.span.end.plus(-1))
    );
    Ok(())
}

fn for_people(summary: &Watch) -> String {
    let mut errors = table(&[
        "Cells",
        "Periods",
        "Sold over forecast",
        "Error (WAPE)",
        "Usual",
        "Growth",
        "Sales above forecast",
        "Verdict",
    ]);
    for WatchedErrors { cells, found } in &summary.errors {
        errors.add_row([
            (*cells).to_owned(),
            found.periods.to_string(),
            interval(&found.shift, 2),
            format!("{:.3}", found.wape),
            found.usual_wape.map_or_else(|| "-".to_owned(), |usual| format!("{usual:.3}")),
            found.wape_ratio.as_ref().map_or_else(|| "-".to_owned(), |ratio| interval(ratio, 2)),
            interval(&found.money, 0),
            found.drift.to_string(),
        ]);
    }
    let mut inputs = table(&["Input", "Mean then", "Mean now", "Moved by", "Stability index", "Outside", "Verdict"]);
    for input in summary.inputs.iter().chain(&summary.forecasts) {
        inputs.add_row([
            input.name.clone(),
            format!("{:.3}", input.mean_then),
            format!("{:.3}", input.mean_now),
            input.standardised_difference.map_or_else(|| "-".to_owned(), |moved| format!("{moved:+.2} sd")),
            format!("{:.2}", input.stability_index),
            format!("{:.0} %", 100.0 * input.outside_share),
            input.drift.to_string(),
        ]);
    }
    let new = match summary.new_items.len() {
        0 => String::new(),
        some => format!("\n{some} items are new to the model, such as {}.", summary.new_items[0]),
    };
    format!(
        "{} to {}, forecast from where the model's history ends:\n{errors}\n{inputs}{new}\n{}: {}.",
        summary.first_period, summary.last_period, summary.verdict, summary.advice
    )
}

fn interval(figure: &Measured, digits: usize) -> String {
    let Measured { value, lo95, hi95 } = figure;
    if hi95.is_infinite() {
        return format!("{value:.digits$} (unknown)");
    }
    format!("{value:.digits$} ({lo95:.digits$} to {hi95:.digits$})")
}
