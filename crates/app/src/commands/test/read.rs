//! `endcap test read`: what a test showed.

use super::interval;
use crate::commands::fit::Source;
use crate::console::{Console, Ending, table};
use endcap_adapters::tables::read_json;
use endcap_demand::experiment::{Inference, TestDesign, TestReading, read_test};
use serde::Serialize;
use std::path::PathBuf;

/// Read a test at the latest look that the sales reach: effect, interval and p-value that agree.
///
/// Only the looks that the design settled are read. Places that ran out, closed or did not keep to their terms are left
/// out with their pair and named.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap test read tests/test-HASH.json shop\n  endcap test read tests/test-HASH.json --panel history.parquet --json\n\nExit status 1 before the first look and when no pair is left to read."
)]
pub struct Args {
    /// The design that `endcap test design` wrote.
    design: PathBuf,
    #[command(flatten)]
    source: Source,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    first_period: String,
    last_period: String,
    #[serde(flatten)]
    reading: TestReading,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let design: TestDesign = read_json(&args.design)?;
    let history = args.source.read()?;
    match read_test(&design, &history.panel) {
        Ok(reading) => {
            let name = |period| design.calendar.format(period);
            let (first_period, last_period) = (name(reading.span.start), name(reading.span.end.plus(-1)));
            let summary = Summary { first_period, last_period, reading };
            console.result(&summary, |summary| for_people(summary, &design))?;
            Ok(Ending::Done)
        }
        Err(refusal) => {
            console.result(&refusal, |_| "No reading.".to_owned())?;
            console.note(format!("refused: {refusal}"));
            Ok(Ending::Refused)
        }
    }
}

fn for_people(summary: &Summary, design: &TestDesign) -> String {
    let reading = &summary.reading;
    let [estimate, lo, hi] = reading.effect;
    let covers = 100.0 * (1.0 - reading.sales.level);
    let answer = format!(
        "{} = {estimate:+.2}, {covers:.1} % interval {}, p = {:.4}: {}.",
        design.question.effect.name(),
        interval(lo, hi),
        reading.sales.p_value,
        if reading.sales.rules_out_none() { "no effect is ruled out" } else { "no effect is not ruled out" }
    );
    let mut parts = vec![
        format!(
            "Look {} of {}, {} to {}, {} against {}",
            reading.look, reading.looks, summary.first_period, summary.last_period, design.treatment, design.control
        ),
        answer,
        sales(reading),
    ];
    parts.extend(reading.combined.map(|belief| {
        format!("With what the model knew before: {:+.2}, standard error {:.2}.", belief.mean, belief.variance.sqrt())
    }));
    parts.extend(reading.notes.iter().cloned());
    parts.extend(
        reading
            .left_out
            .iter()
            .map(|left| format!("Left out: {} and {}, because {}.", left.treated, left.control, left.reason)),
    );
    parts.push(if reading.stop { "The test is over." } else { "The test goes on until the next look." }.to_owned());
    parts.join("\n")
}

fn sales(reading: &TestReading) -> String {
    let mut rows = table(&["Log sales of", "Lift", "Interval", "p", "Pairs"]);
    let readings = [
        ("the items", Some(&reading.sales)),
        ("the items, places as assigned", reading.as_assigned.as_ref()),
        ("the other items of the groups", reading.substitutes.as_ref()),
        ("the items, after the test", reading.afterwards.as_ref()),
    ];
    for (what, inference) in readings {
        if let Some(Inference { log_lift, lo, hi, p_value, pairs, .. }) = inference {
            rows.add_row([
                what.to_owned(),
                format!("{log_lift:+.3}"),
                interval(*lo, *hi),
                format!("{p_value:.4}"),
                pairs.to_string(),
            ]);
        }
    }
    rows.to_string()
}
