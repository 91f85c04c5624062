//! `endcap test design`: tests worth running, each with its places drawn.

use super::{effect, share};
use crate::commands::fit::{History, Source};
use crate::console::{Console, Ending, table};
use anyhow::{Context, bail};
use endcap_adapters::tables::{self, Column, read_json};
use endcap_demand::Fitted;
use endcap_demand::experiment::{
    Question, TestDesign, TestProposal, TestRefusal, TestTerms, design_tests, propose_tests,
};
use endcap_model::{Depth, EffectKind, Sku, hash_json};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Design the test that would tell an effect: places, length, power, cost and worth.
///
/// Without --item, every item is looked at whose effect is too uncertain for the choice between the depths, and the tests
/// are ranked by what their answer is worth after their cost.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap test design shop --margin-rate 0.3 --depths 0.1,0.2,0.3\n  endcap test design --panel history.parquet --item 38 --margin-rate 0.3 --looks 3 --out tests --json\n\nWrites test-HASH.json and test-HASH.csv (which place does what) per test. Exit status 1 when no test would tell."
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Items to test together and read as one; every uncertain item on its own when not given.
    #[arg(long = "item", value_delimiter = ',', value_name = "ITEMS")]
    items: Vec<String>,
    /// Effect to tell: own_price, feature or display.
    #[arg(long, default_value = "own_price", value_parser = effect)]
    effect: EffectKind,
    /// Depths that may be tested, and between which the answer decides.
    #[arg(long, value_delimiter = ',', default_value = "0.1,0.2,0.3")]
    depths: Vec<f64>,
    /// Lengths of the test that may be tried, in periods.
    #[arg(long, value_delimiter = ',', default_value = "4,6,8")]
    lengths: Vec<usize>,
    /// Most pairs of places.
    #[arg(long)]
    pairs: Option<usize>,
    /// Periods before the test that places are compared by.
    #[arg(long, default_value_t = 26)]
    before: usize,
    /// Times at which the test will be read, its end included. Settled now: other readings are refused.
    #[arg(long, default_value_t = 1)]
    looks: usize,
    /// Share of tests of nothing that may find an effect.
    #[arg(long, default_value_t = 0.05)]
    level: f64,
    /// Share of tests that must see the effect.
    #[arg(long, default_value_t = 0.8)]
    power: f64,
    /// Log lift to see; when not given the smaller of the expected lift and the one from which the offer pays.
    #[arg(long)]
    detect: Option<f64>,
    /// Margin as a share of the list price, between 0 and 1.
    #[arg(long)]
    margin_rate: f64,
    /// Cost of advert or display per piece that usually sells, in the history's money.
    #[arg(long, default_value_t = 0.0)]
    support_cost: f64,
    /// Periods in which the answer will be used, in all places.
    #[arg(long, default_value_t = 26, value_name = "PERIODS")]
    decide_for: usize,
    /// First period of the test; the first after the history when not given.
    #[arg(long)]
    start: Option<String>,
    /// Tests to design at most.
    #[arg(long, default_value_t = 5)]
    most: usize,
    /// Model that `endcap fit` wrote; fitted anew from the history when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Folder to write to; FOLDER/tests for a project, else the current one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed that draws places.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    tests: Vec<Designed>,
    refused: Vec<Refused>,
    settled: usize,
    passed_over: usize,
}

#[derive(Serialize)]
struct Designed {
    file: PathBuf,
    places: PathBuf,
    #[serde(flatten)]
    design: TestDesign,
}

#[derive(Serialize)]
struct Refused {
    question: Question,
    refusal: TestRefusal,
    reason: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let terms = args.terms(&history)?;
    let fitted: Fitted = match &args.model {
        Some(path) => read_json(path)?,
        None => history.fit(args.seed, console)?,
    };
    let proposal = args.proposal(&fitted, &history, &terms);
    let summary = write(proposal, &args.out())?;
    console.result(&summary, for_people)?;
    if summary.tests.is_empty() && !summary.refused.is_empty() {
        console.note(format!("refused: {}", summary.refused[0].reason));
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

impl Args {
    fn terms(&self, history: &History) -> anyhow::Result<TestTerms> {
        share("--margin-rate", self.margin_rate)?;
        share("--level", self.level)?;
        share("--power", self.power)?;
        if self.looks == 0 || self.lengths.iter().any(|&length| length < self.looks) {
            bail!("--looks is {}: expected 1 or more, and no more than the periods of any of --lengths", self.looks);
        }
        let depths: Result<Vec<Depth>, _> = self.depths.iter().map(|&depth| Depth::from_share(depth)).collect();
        let calendar = history.panel.calendar();
        Ok(TestTerms {
            depths: depths.context("--depths")?,
            lengths: self.lengths.clone(),
            pairs_max: self.pairs,
            before: self.before,
            looks: self.looks,
            level: self.level,
            power: self.power,
            detect: self.detect,
            margin_rate: self.margin_rate,
            support_cost: self.support_cost,
            decision_periods: self.decide_for,
            start: self.start.as_deref().map(|text| calendar.parse(text)).transpose().context("--start")?,
            seed: self.seed,
        })
    }

    fn proposal(&self, fitted: &Fitted, history: &History, terms: &TestTerms) -> TestProposal {
        let (lift, panel) = (&fitted.lift, &history.panel);
        if self.items.is_empty() {
            return propose_tests(lift, panel, &[self.effect], terms, self.most);
        }
        let question = Question { skus: self.items.iter().map(Sku::new).collect(), effect: self.effect };
        let (tests, refused) = match design_tests(lift, panel, &question, terms) {
            Ok(tests) => (tests.into_iter().take(self.most).collect(), vec![]),
            Err(refusal) => (vec![], vec![(question, refusal)]),
        };
        TestProposal { tests, refused, settled: 0, passed_over: 0 }
    }

    fn out(&self) -> PathBuf {
        let usual = || self.source.folder.as_ref().map_or_else(|| PathBuf::from("."), |folder| folder.join("tests"));
        self.out.clone().unwrap_or_else(usual)
    }
}

fn write(proposal: TestProposal, out: &Path) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make the folder {}", out.display()))?;
    let mut tests = Vec::new();
    for design in proposal.tests {
        let name = format!("test-{}", hash_json(&design).short());
        let (file, places) = (out.join(format!("{name}.json")), out.join(format!("{name}.csv")));
        tables::write_json(&file, &design)?;
        tables::write_csv(&places, &columns(&design))?;
        tests.push(Designed { file, places, design });
    }
    let refused = proposal.refused.into_iter().map(|(question, refusal)| {
        let reason = format!("{}: {refusal}", items(&question));
        Refused { question, refusal, reason }
    });
    Ok(Summary { tests, refused: refused.collect(), settled: proposal.settled, passed_over: proposal.passed_over })
}

/// Which place does what.
fn columns(design: &TestDesign) -> Vec<(&'static str, Column)> {
    let places = design.pairs.iter().enumerate().flat_map(|(at, pair)| {
        let number = at as i64 + 1;
        [(number, &pair.treated, "treated", design.treatment), (number, &pair.control, "control", design.control)]
    });
    let rows: Vec<_> = places.collect();
    vec![
        ("pair", Column::Whole(rows.iter().map(|row| row.0).collect())),
        ("place_id", Column::Text(rows.iter().map(|row| row.1.to_string()).collect())),
        ("arm", Column::Text(rows.iter().map(|row| row.2.to_owned()).collect())),
        ("terms", Column::Text(rows.iter().map(|row| row.3.to_string()).collect())),
        ("depth", Column::Number(rows.iter().map(|row| row.3.depth.share()).collect())),
    ]
}

fn items(question: &Question) -> String {
    let skus: Vec<&str> = question.skus.iter().map(Sku::as_str).collect();
    format!("{} of {}", question.effect.name(), skus.join(", "))
}

fn for_people(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if !summary.tests.is_empty() {
        parts.push(tests(&summary.tests));
    }
    if !summary.refused.is_empty() {
        let reasons: Vec<&str> = summary.refused.iter().map(|refused| refused.reason.as_str()).collect();
        parts.push(format!("No test would tell\n{}", reasons.join("\n")));
    }
    let Summary { settled, passed_over, .. } = summary;
    parts.push(format!(
        "{settled} effects are known well enough for the choice; {passed_over} uncertain ones are worth less and were \
         passed over."
    ));
    parts.join("\n\n")
}

fn tests(designed: &[Designed]) -> String {
    let mut rows = table(&["Test", "Against", "Pairs", "Periods", "Power", "Given away", "Cost", "Worth", "Net"]);
    let money = |value: f64| format!("{value:.0}");
    for Designed { design, .. } in designed {
        rows.add_row([
            format!("{}: {}", items(&design.question), design.treatment),
            design.control.to_string(),
            design.pairs.len().to_string(),
            design.test.len().to_string(),
            format!("{:.0} % at {:+.2}", 100.0 * design.power.power, design.power.effect),
            money(design.worth.given_away),
            money(design.worth.cost),
            money(design.worth.value),
            money(design.worth.net),
        ]);
    }
    let files: Vec<String> = designed.iter().map(|designed| designed.file.display().to_string()).collect();
    format!("{rows}\nPower at a log lift, by tests of nothing on the history.\nWritten: {}", files.join(", "))
}
