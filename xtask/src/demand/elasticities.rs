//! Elasticities of real panels, where there is no truth: `endcap fit` beside estimates whose errors are clustered by
//! week, and items whose elasticity the data cannot tell.

use super::cells::panels;
use super::figure::{Figure, Reach};
use super::program::{Inputs, Ran, json, number};
use super::{Bench, Measured};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The tuna brand whose price hardly moved.
const TUNA_REFUSED: &str = "6";

/// Orange juice: does each brand's interval hold the week-clustered estimates?
pub fn orange_juice(bench: &Bench) -> anyhow::Result<Measured> {
    let inputs = panels()[1].inputs(bench, None)?;
    let mut measured = Measured::default();
    let Some(fit) = fitted(bench, &inputs, "fit, orange juice", &mut measured)? else { return Ok(measured) };
    let results = bench.programs().join("results_elasticity_oj.csv");
    let given = [fit.as_os_str(), results.as_os_str(), OsStr::new(""), inputs.history.as_os_str()];
    let scores = bench.scores("brands", &given)?;
    let references = [
        ("FE + controls + week FE, cluster week", "week effects", Reach::AtLeast(11.0)),
        ("FE + controls, cluster week", "without week effects", Reach::Shown),
        ("price cuts, week effects", "week effects, price cuts alone", Reach::Shown),
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

/// FreshRetailNet: stock-outs hide the best days of discounts, so estimates over all days come out too small. The same
/// estimate is made thrice, so that nothing but the treatment of stock-outs differs.
pub fn fresh(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let data = bench.shared.join("data/freshretailnet50k");
    let inputs = bench.inputs("fresh", &[data.as_os_str()], &bench.scratch.join("fresh"))?;
    let mut fits = Vec::new();
    for (name, label) in TREATMENTS {
        let folder = inputs.folder.join(name);
        let treated = Inputs { history: folder.join("history.parquet"), folder, ..inputs.clone() };
        let Some(fit) = fitted(bench, &treated, label, &mut measured)? else { return Ok(measured) };
        fits.push(fit);
    }
    let given: Vec<&OsStr> =
        std::iter::once(inputs.history.as_os_str()).chain(fits.iter().map(|fit| fit.as_os_str())).collect();
    let scores = bench.scores("discount", &given)?;
    let at = |key: &str| number(&scores, key);
    let shown = [
        ("discount elasticity, items by the variance of their price", "/by_variance"),
        ("discount elasticity, items by units", "/by_units"),
        ("the same model as if stock had always lasted", "/others/0"),
        ("the same model, days in stock alone", "/others/1"),
        ("reference of the same rows, all days", "/reference_all"),
        ("reference of the same rows, days in stock", "/reference_in_stock"),
    ];
    measured.figures.extend(shown.map(|(name, key)| Figure::new(12, name, at(key), Reach::Shown)));
    let name = "nearer the days in stock: share of the way from all days";
    measured.figures.push(Figure::new(12, name, share(&scores), Reach::AtLeast(0.5)));
    measured.figures.extend(censored(bench, &data)?);
    Ok(measured)
}

/// Treatments of stock-outs by the folder of their rows, ours first.
const TREATMENTS: [(&str, &str); 3] = [
    ("", "fit, 463,000 rows of days"),
    ("all-days", "fit, the same as if stock had lasted"),
    ("days-in-stock", "fit, days in stock alone"),
];

/// How far the estimate is from that of all days towards that of days in stock, all by the same model.
fn share(scores: &Value) -> Option<f64> {
    let [all, in_stock, ours] = ["/others/0", "/others/1", "/by_variance"].map(|key| number(scores, key));
    Some((ours? - all?) / (in_stock? - all?))
}

/// Whole days cut short by hand: what is recovered of them, beside two usual treatments.
fn censored(bench: &Bench, data: &Path) -> anyhow::Result<Vec<Figure>> {
    let folder = bench.scratch.join("censored");
    bench.inputs("censored", &[data.as_os_str()], &folder)?;
    let told: Value = json(&bench.example("recovered_demand", &[folder.join("censored.csv").as_os_str()])?)?;
    let figures = [
        ("recovered", "recovered demand of days cut by hand", Reach::Shown),
        ("sold", "their sales alone", Reach::Shown),
        ("usual", "the mean of their series' whole days", Reach::Shown),
    ];
    Ok(figures
        .into_iter()
        .flat_map(|(key, name, reach)| {
            let at = |figure: &str| number(&told, &format!("/{key}/{figure}"));
            [
                Figure::new(12, format!("{name}: bias of the total"), at("bias"), reach),
                Figure::new(12, format!("{name}: error per day"), at("error"), Reach::Shown),
            ]
        })
        .collect())
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
