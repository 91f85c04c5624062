//! Row 5: ten thousand sales come in, and what is believed of 20,000 items and of their stock is new. An example of `agent`
//! measures itself.

use super::Options;
use crate::bench::example;
use crate::goals::{Case, Goal, Row};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;

const EXAMPLE: &str = "refresh_timing";

/// Builds the example and runs it on all cores.
pub fn measure(_: &Path, options: &Options) -> anyhow::Result<Case> {
    let items = if options.quick { "500" } else { "20000" };
    let output = example("endcap-agent", EXAMPLE)?.arg(items).output()?;
    ensure!(output.status.success(), "{EXAMPLE} ended badly: {}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).context(EXAMPLE)?;
    let row = |figure: &str, name: &str, goal| Row::number(5, figure, told[name].as_f64(), goal);
    let batch = format!("10,000 sales, {items} items: lift, forecast and stock paths");
    Ok(Case {
        rows: vec![
            row(&format!("{batch}, p95 in ms"), "with_stock_p95_ms", Goal::AtMost(500.0)),
            row("the same, median in ms", "with_stock_median_ms", Goal::Shown),
            row("of that lift and forecast, p95 in CPU ms", "p95_ms", Goal::Shown),
            row("cells whose stock path is new", "stock_rows", Goal::Shown),
        ],
        table: None,
    })
}
