//! `endcap drift`: whether newer sales still look like those that the model was fitted to.

use super::fit::Source;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::tables::read_json;
use endcap_demand::{
    Distribution, Drift, ErrorDrift, Fitted, HeldOutSet, InputDrift, Measured, PROMOTED_RATIO, error_drift, forecast,
    input_columns, input_drift, period_errors,
};
use endcap_model::{Panel, Period, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Share of a period out of stock up to which its sales say what was wanted.
const OUT_MAX: f64 = 0.03;

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

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    first_period: String,
    last_period: String,
    verdict: Drift,
    advice: String,
    /// Errors by set of cells: all, promoted, base.
    errors: Vec<Errors>,
    /// What was forecast, in logs.
    forecasts: Option<InputDrift>,
    inputs: Vec<InputDrift>,
    /// Items that the model does not know.
    new_items: Vec<String>,
}

#[derive(Serialize)]
struct Errors {
    cells: &'static str,
    #[serde(flatten)]
    found: ErrorDrift,
}

/// A cell that was sold, with what was forecast.
struct Cell {
    promoted: bool,
    period: Period,
    units: f64,
    mean: f64,
    price: f64,
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
    let Some(newest) = newest(&fitted, &panel, args.periods)? else {
        console.note(format!(
            "refused: nothing was sold after {}, where the model's history ends: load newer sales first",
            fitted.lift.calendar.format(fitted.lift.span.end.plus(-1))
        ));
        return Ok(Ending::Refused);
    };
    let summary = compare(&fitted, &card, &panel, newest)?;
    console.result(&summary, for_people)?;
    if summary.verdict == Drift::Drifted {
        console.note(format!("drifted: {}", summary.advice));
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

/// The periods after the model's history, at most so many; nothing where there are none.
fn newest(fitted: &Fitted, panel: &Panel, most: Option<u16>) -> anyhow::Result<Option<Span>> {
    let (lift, sold) = (&fitted.lift, panel.span().context("the history has no rows")?);
    ensure!(
        panel.calendar() == lift.calendar && sold.start < lift.span.end,
        "the model was fitted by {} to {}: give the history that it was fitted to, and what came after",
        lift.calendar,
        lift.calendar.format(lift.span.end.plus(-1))
    );
    let first = most.map_or(lift.span.end, |most| sold.end.plus(-i32::from(most)).max(lift.span.end));
    let newest = Span { start: first, end: sold.end };
    Ok((!newest.is_empty()).then_some(newest))
}

/// Which cells count.
type Chosen = fn(&Cell) -> bool;

fn compare(fitted: &Fitted, card: &Card, panel: &Panel, newest: Span) -> anyhow::Result<Summary> {
    let start = panel.span().map_or(fitted.lift.span.start, |span| span.start);
    let known = panel.within(Span { start, end: fitted.lift.span.end });
    let since = panel.within(Span { start: fitted.lift.span.end, end: newest.end });
    let cells = cells(fitted, &known, &since, newest)?;
    let now = panel.within(newest);
    let columns = input_columns(&now);
    let inputs = card.drift.iter().filter_map(|then| {
        let (_, values) = columns.iter().find(|(name, _)| *name == then.name)?;
        input_drift(then, values)
    });
    let inputs: Vec<InputDrift> = inputs.collect();
    let held_out = fitted.held_out.as_ref();
    let said: Vec<f64> = cells.iter().map(|cell| (cell.mean + 0.5).ln()).collect();
    let forecasts = held_out.and_then(|held_out| input_drift(held_out.forecasts.as_ref()?, &said));
    let usual = |name: &str| held_out.and_then(|held_out| held_out.sets.iter().find(|set| set.cells == name));
    let sets: [(&str, Chosen); 3] =
        [("all", |_| true), ("promoted", |cell| cell.promoted), ("base", |cell| !cell.promoted)];
    // One look for every period since the fit, whichever of them are looked at now.
    let look = Span { start: fitted.lift.span.end, end: newest.end }.len();
    let found = sets.into_iter().filter_map(|(name, of)| errors((name, of), &cells, usual(name), look));
    let errors: Vec<Errors> = found.collect();
    let (verdict, advice) = judge(&errors, &inputs, held_out.is_some());
    let name = |period| panel.calendar().format(period);
    let items: BTreeSet<_> = fitted.lift.responses.iter().map(|response| &response.sku).collect();
    let strangers = now.skus().iter().filter(|entry| !items.contains(&entry.sku));
    Ok(Summary {
        first_period: name(newest.start),
        last_period: name(newest.end.plus(-1)),
        verdict,
        advice,
        errors,
        forecasts,
        inputs,
        new_items: strangers.map(|entry| entry.sku.to_string()).collect(),
    })
}

/// Cells of the newest periods whose sales say what was wanted, with what the model would have forecast for them.
fn cells(fitted: &Fitted, known: &Panel, since: &Panel, newest: Span) -> anyhow::Result<Vec<Cell>> {
    let c = since.columns();
    let ahead = forecast(fitted, known, since, &[0.5])?;
    let mut rows: Vec<usize> = (0..since.len()).collect();
    let key = |row: usize| {
        (&since.skus()[c.sku[row] as usize].sku, &since.places()[c.place[row] as usize].place, c.period[row])
    };
    rows.sort_by(|&a, &b| key(a).cmp(&key(b)));
    let mut said = ahead.rows.iter().peekable();
    let mut cells = Vec::new();
    for row in rows {
        while said.next_if(|said| (&said.sku, &said.place, said.period) < key(row)).is_some() {}
        let found = said.peek().filter(|said| (&said.sku, &said.place, said.period) == key(row));
        if let Some(found) = found.filter(|_| c.stockout_share[row] <= OUT_MAX && newest.contains(c.period[row])) {
            let cut = c.price[row] <= PROMOTED_RATIO * c.base_price[row];
            let promoted = cut || c.feature[row] > 0.0 || c.display[row] > 0.0;
            cells.push(Cell {
                promoted,
                period: c.period[row],
                units: c.units[row],
                mean: found.mean,
                price: c.price[row],
            });
        }
    }
    Ok(cells)
}

fn errors(
    (name, of): (&'static str, Chosen),
    cells: &[Cell],
    usual: Option<&HeldOutSet>,
    look: usize,
) -> Option<Errors> {
    let chosen = cells.iter().filter(|cell| of(cell));
    let now = period_errors(chosen.map(|cell| (cell.period, cell.units, cell.mean, cell.price)));
    let found = error_drift(&now, usual.map_or(&[], |set| &set.periods), look)?;
    Some(Errors { cells: name, found })
}

/// Errors decide; inputs only say where to look.
fn judge(errors: &[Errors], inputs: &[InputDrift], has_baseline: bool) -> (Drift, String) {
    let worst = errors.iter().map(|errors| errors.found.drift).max().unwrap_or(Drift::Steady);
    let moved: Vec<&str> =
        inputs.iter().filter(|input| input.drift == Drift::Drifted).map(|input| input.name.as_str()).collect();
    let moved_words = if moved.is_empty() { String::new() } else { format!("; another {}", moved.join(", another ")) };
    match worst {
        Drift::Drifted => (worst, format!("forecasts no longer hold{moved_words}. Run `endcap fit`")),
        _ if !has_baseline => {
            (Drift::Watch, "the history was too short to hold an end out: nothing to compare with".into())
        }
        Drift::Watch => (worst, format!("forecasts are off, maybe by chance{moved_words}. Look again next period")),
        Drift::Steady if moved.is_empty() => (worst, "keep the model".into()),
        Drift::Steady => (Drift::Watch, format!("forecasts hold{moved_words}. Fit again before planning with it")),
    }
}

fn for_people(summary: &Summary) -> String {
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
    for Errors { cells, found } in &summary.errors {
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
