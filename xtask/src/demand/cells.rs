//! Held-out cells of two real panels, and of items without a history: forecasts by `endcap forecast` against what sold.
//!
//! A forecast sees only what `cells.py mask` leaves of the panel at its origin. The figures are computed by a program
//! of ours and held against those that `cells.py score` prints; where they differ, the row fails.

use super::figure::{Figure, Reach, rounded};
use super::program::{Inputs, Ran, number, words};
use super::{Bench, Measured};
use crate::helper::{answer, missing, python};
use anyhow::Context;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Packages that the comparison models need.
const PEER_PACKAGES: [&str; 3] = ["lightgbm", "scipy", "pandas"];
/// `cells.py` prints three decimals.
const PRINTED: f64 = 6e-4;

/// A panel with its origins.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Name of the case.
    pub name: &'static str,
    kind: &'static str,
    script: &'static str,
    data: &'static str,
    scored: &'static [u32],
    tuned: &'static [u32],
    goals: Goals,
}

/// What is to be reached on a panel.
#[derive(Clone, Copy, Debug)]
struct Goals {
    row: u8,
    promoted: f64,
    deep: Option<f64>,
    base: f64,
    group: (&'static str, f64),
    bias: Option<f64>,
    /// Interval scores of promoted and other cells.
    scores: Option<(f64, f64)>,
}

/// The two panels. Nobody may tune on the scored origins; the others are for that.
pub fn panels() -> [Panel; 2] {
    let complete_journey = Panel {
        name: "Complete Journey",
        kind: "cj",
        script: "cj_panel.py",
        data: "data/completejourney",
        scored: &[44, 48],
        tuned: &[36, 40],
        goals: Goals {
            row: 6,
            promoted: 0.345,
            deep: Some(0.322),
            base: 0.432,
            group: ("group", 0.262),
            bias: Some(0.05),
            scores: Some((2.2, 2.4)),
        },
    };
    let orange_juice = Panel {
        name: "orange juice",
        kind: "oj",
        script: "oj_panel.py",
        data: "data/dominicks_oj",
        scored: &[136, 140, 144, 148, 152, 156],
        tuned: &[112, 116, 120, 124, 128, 132],
        goals: Goals {
            row: 9,
            promoted: 0.52,
            deep: None,
            base: 0.33,
            group: ("chain brand", 0.45),
            bias: None,
            scores: None,
        },
    };
    [complete_journey, orange_juice]
}

impl Panel {
    /// The first of the origins that are for tuning.
    pub fn first_tuned(&self) -> u32 {
        self.tuned[0]
    }

    /// Writes the panel, once.
    pub fn file(&self, bench: &Bench) -> anyhow::Result<PathBuf> {
        let path = bench.scratch.join(format!("{}.parquet", self.kind));
        if !path.exists() {
            let data = bench.shared.join(self.data);
            let unfinished = path.with_extension("tmp");
            let given = [OsStr::new("--data"), data.as_os_str(), OsStr::new("--out"), unfinished.as_os_str()];
            bench.shared_script(self.script, &given)?;
            std::fs::rename(unfinished, &path)?;
        }
        Ok(path)
    }

    /// Writes what Endcap may see at an origin; the whole history where there is none.
    pub fn inputs(&self, bench: &Bench, origin: Option<u32>) -> anyhow::Result<Inputs> {
        let panel = self.file(bench)?;
        let (origin_text, mut seen) = (origin.map_or("all".to_owned(), |origin| origin.to_string()), panel.clone());
        let folder = bench.scratch.join(format!("{}-{origin_text}", self.kind));
        std::fs::create_dir_all(&folder)?;
        if origin.is_some() {
            seen = folder.join("masked.parquet");
            let origin = words(&["--origin", &origin_text, "--out"]);
            let mask = [&[OsStr::new("mask"), panel.as_os_str()], &origin[..], &[seen.as_os_str()]].concat();
            bench.shared_script("cells.py", &mask)?;
        }
        let brands = bench.shared.join("data/dominicks_oj/brands.parquet");
        let mut given = vec![seen.as_os_str(), OsStr::new(&origin_text)];
        if self.kind == "oj" {
            given.push(brands.as_os_str());
        }
        bench.inputs(self.kind, &given, &folder)
    }
}

/// Forecasts from every origin and scores the cells.
pub fn measure(bench: &Bench, panel: &Panel) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let origins = if bench.options.tune { panel.tuned } else { panel.scored };
    let mut forecasts = Vec::new();
    for &origin in origins {
        let inputs = panel.inputs(bench, Some(origin))?;
        let out = inputs.folder.join("forecast.parquet");
        match bench.forecast(&inputs, &out, 1)? {
            Ran::Done(cost) => measured.cost(&format!("forecast, {}", panel.name), cost),
            Ran::Refused(reason) => {
                measured.failures.push(format!("origin {origin}: `endcap forecast` ended badly: {reason}"));
                return Ok(measured);
            }
        }
        forecasts.push(OsString::from(format!("{origin}={}", out.display())));
    }
    let file = panel.file(bench)?;
    let forecasts: Vec<&OsStr> = forecasts.iter().map(OsString::as_os_str).collect();
    let scores = bench.scores("cells", &[&[file.as_os_str(), OsStr::new(panel.kind)], &forecasts[..]].concat())?;
    let wmape = number(&scores, "/sets/promoted/wmape").context("no promoted cells")?;
    eprintln!("bench:   {} cells, promoted WMAPE {wmape:.3}", scores["cells"]);
    measured.figures = figures(panel, &scores);
    let unanswered = number(&scores, "/unanswered").unwrap_or(0.0);
    if unanswered > 0.0 {
        measured.failures.push(format!("{unanswered} cells were not answered"));
    }
    beside_peers(bench, panel, &file, origins, &forecasts, &scores, &mut measured)?;
    Ok(measured)
}

fn figures(panel: &Panel, scores: &Value) -> Vec<Figure> {
    let (goals, name, row) = (&panel.goals, panel.name, panel.goals.row);
    let at = |key: &str| number(scores, key);
    let shown_or = |most: Option<f64>| most.map_or(Reach::Shown, Reach::AtMost);
    let mut figures = Vec::new();
    for (set, title, most) in [
        ("promoted", "promoted", Some(goals.promoted)),
        ("deep", "20 % off or more", goals.deep),
        ("base", "not promoted", Some(goals.base)),
    ] {
        let wmape = at(&format!("/sets/{set}/wmape"));
        figures.push(Figure::new(row, format!("{name} WMAPE {title}"), wmape, shown_or(most)));
    }
    let (group, most) = goals.group;
    figures.push(Figure::new(row, format!("{name} WMAPE {group}"), at("/group/wmape"), Reach::AtMost(most)));
    for set in ["promoted", "base"] {
        let median = at(&format!("/sets/{set}/wmape_median"));
        figures.push(Figure::new(row, format!("{name} WMAPE {set} by the median"), median, Reach::Shown));
    }
    let bias_row = if row == 6 { 7 } else { row };
    let bias = goals.bias.map_or(Reach::Shown, Reach::near_zero);
    figures.push(Figure::new(bias_row, format!("{name} bias of the promoted total"), at("/sets/promoted/bias"), bias));
    figures.push(Figure::new(bias_row, format!("{name} bias of the other cells"), at("/sets/base/bias"), Reach::Shown));
    figures.extend(intervals(panel, scores));
    figures
}

fn intervals(panel: &Panel, scores: &Value) -> Vec<Figure> {
    let row = if panel.goals.row == 6 { 8 } else { panel.goals.row };
    let (name, asked) = (panel.name, panel.goals.scores);
    let mut figures = Vec::new();
    for (set, most) in [("promoted", asked.map(|asked| asked.0)), ("base", asked.map(|asked| asked.1))] {
        let at = |key: &str| number(scores, &format!("/sets/{set}/interval/{key}"));
        let coverage = if asked.is_some() { Reach::Between(0.88, 0.93) } else { Reach::Shown };
        figures.push(Figure::new(row, format!("{name} 90 % interval {set}: coverage"), at("coverage"), coverage));
        let score = most.map_or(Reach::Shown, Reach::AtMost);
        figures.push(Figure::new(row, format!("{name} 90 % interval {set}: score"), at("score"), score));
    }
    let sums = if asked.is_some() { Reach::AtLeast(0.85) } else { Reach::Shown };
    figures.push(Figure::new(
        row,
        format!("{name} 90 % interval of chain weeks: coverage"),
        number(scores, "/sums/coverage"),
        sums,
    ));
    figures
}

/// Has the comparison models forecast the same cells, `cells.py` score both, and its figures held against ours.
fn beside_peers(
    bench: &Bench,
    panel: &Panel,
    file: &Path,
    origins: &[u32],
    forecasts: &[&OsStr],
    scores: &Value,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let (title, row) =
        (format!("{} promoted, less the best other model: upper end of 95 %", panel.name), panel.goals.row);
    let reach = if row == 6 { Reach::Below(0.0) } else { Reach::Shown };
    let lacking = missing(&PEER_PACKAGES).join(" ");
    if !lacking.is_empty() {
        eprintln!("SKIPPED: comparison models: Python packages are missing: pip install {lacking}");
        let reason = format!("Python packages {lacking} are missing");
        measured.figures.push(Figure::not_run(row, title, reach, &reason));
        return Ok(());
    }
    let peers = peers(bench, panel, file, origins)?;
    let given = bench.scratch.join(format!("{}-answers.csv", panel.kind));
    let kind = OsStr::new(panel.kind);
    bench.scores("answers", &[&[file.as_os_str(), kind, given.as_os_str()], forecasts].concat())?;
    let printed = bench.shared_script("cells.py", &[OsStr::new("score"), peers.as_os_str(), given.as_os_str()])?;
    measured.failures.extend(differences(&printed, scores));
    let upper = bootstrap(&printed).context("cells.py told no bootstrap")?;
    let (name, values) = upper;
    let figure = Figure::new(row, title, Some(values[2]), reach).of(values.to_vec());
    eprintln!("bench:   less {name}: {} [{}, {}]", rounded(values[0]), rounded(values[1]), rounded(values[2]));
    measured.figures.push(figure);
    Ok(())
}

/// Forecasts of the comparison models, made once for a panel and its origins.
fn peers(bench: &Bench, panel: &Panel, file: &Path, origins: &[u32]) -> anyhow::Result<PathBuf> {
    let words: Vec<String> = origins.iter().map(u32::to_string).collect();
    let out = bench.scratch.join(format!("{}-peers-{}.parquet", panel.kind, words.join("-")));
    if !out.exists() {
        eprintln!("bench:   comparison models on {}, a minute or two", panel.name);
        let unfinished = out.with_extension("tmp");
        let mut program = python();
        program.arg(bench.scripts.join("demand_peers.py")).arg(bench.programs()).arg(panel.kind).arg(file);
        answer(program.arg(&unfinished).args(&words))?;
        std::fs::rename(unfinished, &out)?;
    }
    Ok(out)
}

/// Figures that `cells.py` prints of the product, where they are not ours.
fn differences(printed: &str, scores: &Value) -> Vec<String> {
    let lines = [
        ("series x week, promoted  ", "/sets/promoted/wmape"),
        ("series x week, promoted, depth >= 20%", "/sets/deep/wmape"),
        ("series x week, not promoted", "/sets/base/wmape"),
        ("group x week, promoted", "/group/wmape"),
        ("category x week, promoted series", "/category/wmape"),
        ("total x week, promoted series", "/total/wmape"),
        ("promoted      product", "/sets/promoted/interval/score"),
        ("not promoted  product", "/sets/base/interval/score"),
    ];
    let last = |start: &str| {
        let line = printed.lines().map(str::trim_start).find(|line| line.starts_with(start))?;
        line.split_whitespace().last()?.parse::<f64>().ok()
    };
    let told = lines.iter().filter_map(|(start, key)| Some((*start, last(start)?, number(scores, key)?)));
    told.filter(|(_, theirs, ours)| theirs.is_finite() && (theirs - ours).abs() > PRINTED)
        .map(|(start, theirs, ours)| format!("{}: cells.py says {theirs}, ours is {ours}", start.trim()))
        .collect()
}

/// The model that the product is compared with, the difference and its 95 % interval.
fn bootstrap(printed: &str) -> Option<(String, [f64; 3])> {
    let line = printed.lines().find_map(|line| line.strip_prefix("product - "))?;
    let (name, told) = line.split_once(':')?;
    let numbers: Vec<f64> =
        told.replace("95%", "").split(['[', ']', ',', ' ']).filter_map(|word| word.parse().ok()).collect();
    Some((name.to_owned(), numbers.try_into().ok()?))
}

/// Items without a history: a fifth of the Complete Journey panel's.
pub fn cold_start(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let goals = [("promoted", 0.60), ("base", 0.63)];
    let title = |set: &str| format!("cold start WMAPE {set}");
    let file = panels()[0].file(bench)?;
    let inputs = bench.inputs("cold", &[file.as_os_str()], &bench.scratch.join("cold"))?;
    let out = inputs.folder.join("forecast.parquet");
    match bench.forecast(&inputs, &out, 1)? {
        Ran::Refused(reason) => {
            for (set, most) in goals {
                measured.figures.push(Figure::not_run(
                    11,
                    title(set),
                    Reach::AtMost(most),
                    &format!("refused: {reason}"),
                ));
            }
        }
        Ran::Done(cost) => {
            measured.cost("forecast, new items", cost);
            let scores = bench.scores("cold", &[file.as_os_str(), out.as_os_str()])?;
            for (set, most) in goals {
                let at = |key: &str| number(&scores, &format!("/sets/{set}/{key}"));
                measured.figures.push(Figure::new(11, title(set), at("wmape"), Reach::AtMost(most)));
                let covered = Figure::new(
                    11,
                    format!("cold start 90 % interval {set}: coverage"),
                    at("interval/coverage"),
                    Reach::Shown,
                );
                measured.figures.push(covered);
            }
            let total = number(&scores, "/total_by_item");
            measured.figures.push(Figure::new(11, "cold start WMAPE 8 weeks of an item", total, Reach::Shown));
            let unanswered = number(&scores, "/unanswered").unwrap_or(0.0);
            if unanswered > 0.0 {
                measured.failures.push(format!("{unanswered} cells were not answered"));
            }
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED_LINES: &str = "\
                                WMAPE  cells  ens_lgbm_ppml  pred
              series x week, promoted    854          0.357 0.372
series x week, promoted, depth >= 20%    304          0.329 0.353
product - ens_lgbm_ppml: +0.0159  95% [-0.0006, +0.0339]
";

    #[test]
    fn the_bootstrap_is_read_as_difference_and_interval() {
        let (name, values) = bootstrap(PRINTED_LINES).unwrap();
        assert_eq!((name.as_str(), values), ("ens_lgbm_ppml", [0.0159, -0.0006, 0.0339]));
    }

    #[test]
    fn a_figure_that_is_not_what_the_scorer_prints_is_told() {
        let ours = |deep: f64| serde_json::json!({"sets": {"promoted": {"wmape": 0.37244}, "deep": {"wmape": deep}}});
        assert!(differences(PRINTED_LINES, &ours(0.3527)).is_empty());
        assert_eq!(differences(PRINTED_LINES, &ours(0.36)).len(), 1);
    }
}
