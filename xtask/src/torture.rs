//! `cargo xtask torture`: the proofs of what is promised, at their long sizes; writes docs/RELIABILITY.md.
//!
//! Each proof is a test of the workspace, run here with a larger size. It prints a line `measured: PROMISE | HOW | RESULT`,
//! which becomes a row of the page; a test that fails becomes a row that says so.

use crate::root;
use anyhow::Context;
use clap::Args;
use std::fmt::Write;
use std::fs;
use std::process::Command;

/// How long to go on.
#[derive(Args)]
pub struct Options {
    /// Run at the sizes of the usual tests; the page says the sizes of what was measured.
    #[arg(long)]
    quick: bool,
    /// Only the proofs of these promises.
    #[arg(long, value_name = "PROMISE", value_delimiter = ',')]
    only: Vec<String>,
}

/// A test that proves a promise.
struct Proof {
    promise: &'static str,
    says: &'static str,
    /// What the test is found by: its binary, and its name.
    test: (&'static str, &'static str),
    /// What tells its size, and the long one.
    size: Option<(&'static str, &'static str)>,
    /// Whether the usual tests leave it out.
    ignored: bool,
}

const PROOFS: [Proof; 10] = [
    Proof {
        promise: "R1",
        says: "kill -9 of the sender at any step: nothing lost, nothing doubled, the trail whole",
        test: ("--test=acting", "a_thousand_kills_lose_and_double_nothing"),
        size: Some(("ENDCAP_KILLS", "10000")),
        ignored: false,
    },
    Proof {
        promise: "R1",
        says: "kill -9 of whoever writes the trail: what was acknowledged is there",
        test: ("--test=ledger", "a_hundred_kills_lose_nothing_that_was_acknowledged"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "R4",
        says: "seeded simulation from decision to confirmation, the same seed the same bytes",
        test: ("--test=simulated", "many_lives_and_each_the_same_again"),
        size: Some(("ENDCAP_SEEDS", "200000")),
        ignored: false,
    },
    Proof {
        promise: "R7",
        says: "clocks that change, jump by 400 days or run ten times as fast: nothing begins early, ends late or is used expired",
        test: ("--test=acting", "clock"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "A5",
        says: "prices are taken back to the base price that is approved then, at every stage, also while the channel is down",
        test: ("--test=acting", "revert"),
        size: Some(("ENDCAP_REVERTS", "10000")),
        ignored: false,
    },
    Proof {
        promise: "A6",
        says: "a roll-out that does harm is stopped in few stores, one that does none seldom",
        test: ("--test=rollout", "roll_outs"),
        size: Some(("ENDCAP_ROLLOUTS", "1000")),
        ignored: false,
    },
    Proof {
        promise: "A1",
        says: "nothing leaves without authority; every attempt is refused",
        test: ("--test=authority", ""),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "P1",
        says: "price law against a naive reading",
        test: ("--lib", "the_law_says_what_a_naive_reading_says_a_million_times"),
        size: None,
        ignored: true,
    },
    Proof {
        promise: "S4",
        says: "every change of the trail is found, and where",
        test: ("--lib", "a_hundred_thousand_changes_are_found_where_they_were_made"),
        size: None,
        ignored: true,
    },
    Proof {
        promise: "L1",
        says: "audited decisions a second, each waited for until it is on disk",
        test: ("--test=ledger", "thousands_of_decisions_a_second_are_kept_for_good"),
        size: None,
        ignored: true,
    },
];

/// A proof as it came out.
struct Row {
    proof: &'static Proof,
    passed: bool,
    measured: Vec<String>,
}

/// Runs the proofs; false when one failed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let wanted = |proof: &&Proof| options.only.is_empty() || options.only.iter().any(|only| only == proof.promise);
    let mut rows = vec![];
    for proof in PROOFS.iter().filter(wanted) {
        eprintln!("torture: {}: {}", proof.promise, proof.says);
        rows.push(proved(proof, options.quick)?);
    }
    if options.only.is_empty() {
        let path = root().join("docs/RELIABILITY.md");
        fs::write(&path, page(&rows)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    for row in rows.iter().filter(|row| !row.passed) {
        eprintln!("torture: FAILED: {}: {}", row.proof.promise, row.proof.says);
    }
    Ok(rows.iter().all(|row| row.passed))
}

fn proved(proof: &'static Proof, quick: bool) -> anyhow::Result<Row> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--workspace", "--locked", proof.test.0, "--", proof.test.1, "--nocapture"]);
    if proof.ignored {
        command.arg("--ignored");
    }
    if let Some((name, long)) = proof.size.filter(|_| !quick) {
        command.env(name, long);
    }
    let output = command.current_dir(root()).output().context("cargo could not be started")?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let measured: Vec<String> =
        said.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once("measured: ")).map(told).collect();
    measured.iter().for_each(|line| eprintln!("torture: {line}"));
    // A test that is not found passes too: one at least must have run.
    let ran = |line: &str| line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 passed");
    let passed = output.status.success() && said.iter().flat_map(|text| text.lines()).any(ran);
    if !passed {
        eprintln!("{}{}", said[0], said[1]);
    }
    Ok(Row { proof, passed, measured })
}

/// What was measured, without the name of the promise.
fn told((_, line): (&str, &str)) -> String {
    line.split_once(" | ").map_or(line, |(_, rest)| rest).to_owned()
}

fn page(rows: &[Row]) -> String {
    let mut page = String::from(
        "# Reliability\n\nWhat is promised, how it was proven, and what came out. `cargo xtask torture` runs the proofs and writes \
         this page; the usual tests run most of them with every change.\n\n\
         | promise | | proof | measured |\n| --- | --- | --- | --- |\n",
    );
    for Row { proof, passed, measured } in rows {
        let came_out = match (passed, measured.is_empty()) {
            (false, _) => "**FAILED**".to_owned(),
            (true, true) => "passed".to_owned(),
            (true, false) => measured.join("; ").replace(" | ", ": "),
        };
        let test = if proof.test.1.is_empty() { proof.test.0.trim_start_matches("--test=") } else { proof.test.1 };
        let _ = writeln!(page, "| {} | {} | `{test}` | {came_out} |", proof.promise, proof.says);
    }
    page
}
