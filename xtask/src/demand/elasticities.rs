//! Elasticities of real panels, where there is no truth: `endcap fit` beside estimates whose errors are clustered by
//! week, and items whose elasticity the data cannot tell.

use super::cells::panels;
use super::figure::{Figure, Reach};
use super::program::{Inputs, Ran, number};
use super::{Bench, Measured};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;

/// The tuna brand whose price hardly moved.
const TUNA_REFUSED: &str = "6";

/// Orange juice: does each brand's interval hold the week-clustered estimates?
pub fn orange_juice(bench: &Bench) -> anyhow::Result<Measured> {
    let inputs = panels()[1].inputs(bench, None)?;
    let mut measured = Measured::default();
    let Some(fit) = fitted(bench, &inputs, "fit, orange juice", &mut measured)? else { return Ok(measured) };
    let results = bench.programs().join("results_elasticity_oj.csv");
    let scores = bench.scores("brands", &[fit.as_os_str(), results.as_os_str(), OsStr::new("")])?;
    let references = [
        ("FE + controls + week FE, cluster week", "week effects", Reach::AtLeast(11.0)),
        ("FE + controls, cluster week", "without week effects", Reach::Shown),
    ];
    for (method, title, reach) in references {
        let at = |key: &str| number(&scores, &format!("/{method}/{key}"));
        let held = format!("orange juice intervals that hold the reference, {title}, of 11");
        measured.figures.push(Figure::new(10, held, at("contained"), reach));
        let overlapping = format!("orange juice intervals that meet that of the reference, {title}, of 11");
        measured.figures.push(Figure::new(10, overlapping, at("overlapping"), Reach::Shown));
        let reference = format!("orange juice mean of the references, {title}");
        measured.figures.push(Figure::new(10, reference, at("mean_reference"), Reach::Shown));
    }
    measured.figures.push(Figure::new(
        10,
        "orange juice mean elasticity",
        number(&scores, "/mean_estimate"),
        Reach::Shown,
    ));
    measured.figures.push(Figure::new(10, "orange juice mean s.e.", number(&scores, "/mean_se"), Reach::Shown));
    Ok(measured)
}

/// Tuna: the brand whose price hardly moved is refused, the others are estimated.
pub fn tuna(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let data = bench.shared.join("data/dominicks_tuna/tuna_chain_week.parquet");
    let inputs = bench.inputs("tuna", &[data.as_os_str()], &bench.scratch.join("tuna"))?;
    let Some(fit) = fitted(bench, &inputs, "fit, tuna", &mut measured)? else { return Ok(measured) };
    let scores = bench.scores("brands", &[fit.as_os_str(), OsStr::new("-"), OsStr::new(TUNA_REFUSED)])?;
    let refused = scores["refused_right"][0].as_bool().map(|right| f64::from(u8::from(right)));
    measured.figures.push(Figure::new(10, "tuna brand 6 refused (1: yes)", refused, Reach::AtLeast(1.0)));
    let others = scores["items"].as_array().into_iter().flatten();
    let estimated = others.filter(|item| item["item"] != TUNA_REFUSED && item["status"] != "not_identified").count();
    measured.figures.push(Figure::new(10, "tuna other brands estimated, of 6", Some(estimated as f64), Reach::Shown));
    Ok(measured)
}

/// FreshRetailNet: stock-outs hide the best days of discounts, so estimates over all days come out too small.
pub fn fresh(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let data = bench.shared.join("data/freshretailnet50k");
    let inputs = bench.inputs("fresh", &[data.as_os_str()], &bench.scratch.join("fresh"))?;
    let Some(fit) = fitted(bench, &inputs, "fit, 463,000 rows of days", &mut measured)? else { return Ok(measured) };
    let scores = bench.scores("discount", &[inputs.history.as_os_str(), fit.as_os_str()])?;
    let at = |key: &str| number(&scores, key);
    measured.figures.extend([
        Figure::new(12, "discount elasticity, items by the variance of their price", at("/by_variance"), Reach::Shown),
        Figure::new(12, "discount elasticity, items by units", at("/by_units"), Reach::Shown),
        Figure::new(12, "reference of the same rows, all days", at("/reference_all"), Reach::Shown),
        Figure::new(12, "reference of the same rows, days in stock", at("/reference_in_stock"), Reach::Shown),
        Figure::new(
            12,
            "nearer the days in stock: share of the way from all days",
            share(&scores),
            Reach::AtLeast(0.5),
        ),
        Figure::not_run(12, "recovered demand, censored by hand", Reach::Shown, "no measurement yet"),
    ]);
    Ok(measured)
}

/// How far the estimate is from the reference of all days towards that of days in stock.
fn share(scores: &Value) -> Option<f64> {
    let [all, in_stock, ours] =
        ["/reference_all", "/reference_in_stock", "/by_variance"].map(|key| number(scores, key));
    Some((ours? - all?) / (in_stock? - all?))
}

fn fitted(bench: &Bench, inputs: &Inputs, label: &str, measured: &mut Measured) -> anyhow::Result<Option<PathBuf>> {
    let out = inputs.folder.join("fit");
    Ok(match bench.fit(inputs, &out, 1)? {
        Ran::Done(cost) => {
            measured.cost(label, cost);
            Some(out)
        }
        Ran::Refused(reason) => {
            measured.failures.push(format!("`endcap fit` ended badly: {reason}"));
            None
        }
    })
}
