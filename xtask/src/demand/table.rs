//! The section of docs/BENCHMARKS.md on effects and forecasts.

use super::Row;
use super::figure::{Figure, rounded};
use super::peers;
use crate::page::table;
use crate::store::{Results, Stored};

/// Heading of the section.
pub const HEADING: &str = "Effects and forecasts";

const COLUMNS: [&str; 7] = ["row", "figure", "Endcap", "single", "reach", "met", "best of others"];

/// The section: every figure beside its goal and the best of others, costs, and what failed.
pub fn section(results: &Results) -> String {
    let mut section = format!(
        "Measured on {}, {} cores, one thread unless said, through `endcap fit` and `endcap forecast` on files in the\n\
         documented formats. Worlds A to E have known truth: A promotes at random, B where demand is high, C also pulls\n\
         purchases forward, D also runs out of stock, E also knows demand that the panel does not show. Forecasts see\n\
         nothing after their origin; the scored weeks are not tuned on (`--tune` has earlier ones for that). What others\n\
         reached was measured on the same cells, in the worlds on other seeds.\n",
        results.machine.cpu, results.machine.cores
    );
    let mut rows: Vec<(&Figure, &Stored<Row>)> =
        results.demand.iter().flat_map(|row| row.row.figures.iter().map(move |figure| (figure, row))).collect();
    rows.sort_by_key(|(figure, _)| figure.goal);
    let (goals, besides): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(figure, _)| figure.met().is_some());
    // Others were measured on the scored origins only.
    let peer = |figure: &Figure| if results.is_apart() { "-".to_owned() } else { peers::text(&figure.name) };
    let lines = |rows: Vec<(&Figure, &Stored<Row>)>| {
        rows.into_iter().map(|(figure, row)| line(figure, row, peer(figure))).collect()
    };
    let costs = results.demand.iter().flat_map(costs).collect();
    let parts = [
        table("Goals. Single: of each seed, or the difference and the ends of its interval.", &COLUMNS, lines(goals)),
        table("Shown besides.", &COLUMNS, lines(besides)),
        table(
            "Costs: the dearest run of each command, reading and writing included.",
            &["command", "CPU s", "wall s", "peak MiB"],
            costs,
        ),
    ];
    parts.into_iter().flatten().for_each(|part| section.push_str(&part));
    let failures: String = results.demand.iter().flat_map(failures).collect();
    if !failures.is_empty() {
        section.push_str(&format!("\nFAILED checks:\n\n{failures}"));
    }
    section
}

fn line(figure: &Figure, row: &Stored<Row>, peer: String) -> Vec<String> {
    let met = match (row.failures.is_empty(), figure.met()) {
        (_, None) => "-",
        (false, _) => "FAILED",
        (true, Some(true)) => "yes",
        (true, Some(false)) => "no",
    };
    vec![
        figure.goal.to_string(),
        figure.name.clone(),
        figure.text(),
        figure.parts.iter().map(|part| rounded(*part)).collect::<Vec<String>>().join(" "),
        figure.reach.to_string(),
        met.to_owned(),
        peer,
        row.commit.clone(),
    ]
}

fn costs(row: &Stored<Row>) -> Vec<Vec<String>> {
    let line = |(command, cost): &(String, crate::measure::Cost)| {
        vec![
            command.clone(),
            format!("{:.2}", cost.cpu),
            format!("{:.2}", cost.wall),
            format!("{:.0}", cost.peak_mib),
            row.commit.clone(),
        ]
    };
    row.row.costs.iter().map(line).collect()
}

fn failures(row: &Stored<Row>) -> Vec<String> {
    row.failures.iter().map(|failure| format!("- {}: {failure}\n", row.name)).collect()
}
