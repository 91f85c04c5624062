//! `cargo xtask torture`: the proofs of what is promised, at their long sizes; writes docs/RELIABILITY.md.
//!
//! Each proof is a test of the workspace, run here with a larger size. It prints a line `measured: PROMISE | HOW | RESULT`,
//! which becomes a row of the page; a test that fails becomes a row that says so. Rows are kept by commit, so that a proof of
//! hours can be run alone.

use crate::store::{self, Results, Shelf, Stored};
use crate::{TESTS, root};
use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::process::Command;

/// How long to go on.
#[derive(Args)]
pub struct Options {
    /// Run at the sizes of the usual tests, and leave the page as it is.
    #[arg(long)]
    quick: bool,
    /// Only the proofs of these promises; the others stay on the page as they were measured.
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

const PROOFS: &[Proof] = &[
    Proof {
        promise: "R1",
        says: "kill -9 of the sender at any step: nothing lost, nothing doubled, the trail whole",
        test: ("--test=acting", "a_thousand_kills_lose_and_double_nothing::in_files"),
        size: Some(("ENDCAP_KILLS", "10000")),
        ignored: false,
    },
    Proof {
        promise: "R1",
        says: "the same with its rows in PostgreSQL",
        test: ("--test=acting", "a_thousand_kills_lose_and_double_nothing::in_postgres"),
        size: Some(("ENDCAP_KILLS", "3600")),
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
        promise: "R2",
        says: "power cuts that forget or tear what was not synced: nothing acknowledged is lost, nothing leaves unnoted",
        test: ("--test=disk", "power_cuts_lose_nothing_that_was_acknowledged"),
        size: Some(("ENDCAP_CUTS", "10000")),
        ignored: false,
    },
    Proof {
        promise: "R3",
        says: "requests and answers lost, repeated and forgotten at a supplier: one order",
        test: ("--test=channels", "whatever_is_lost_and_repeated_there_is_one_order"),
        size: Some(("ENDCAP_SCHEDULES", "10000")),
        ignored: false,
    },
    Proof {
        promise: "R2",
        says: "PostgreSQL crashes, or is killed, under decisions: what was acknowledged is there, what was refused is not",
        test: ("--test=ledger", "a_server_that_crashes_keeps_what_was_acknowledged_and_nothing_that_was_refused"),
        size: Some(("ENDCAP_CRASHES", "200")),
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
        promise: "R5",
        says: "brokers are killed and started again while a producer sends, and whoever takes as well: every sale is there once",
        test: ("--test=channels", "feeds::restarts::restarts_of"),
        size: Some(("ENDCAP_RESTARTS", "200")),
        ignored: false,
    },
    Proof {
        promise: "R6",
        says: "a disk that is full, or fails, at any write: nothing lost, goes on by itself",
        test: ("--test=disk", "a_disk_that_is_full_or_breaks_for_a_while_loses_nothing_and_needs_no_hands"),
        size: Some(("ENDCAP_DISK_EVERY", "1")),
        ignored: false,
    },
    Proof {
        promise: "I1",
        says: "broken copies of small real files and answers: read or refused, never more",
        test: ("--lib", "broken_"),
        size: Some(("ENDCAP_MUTATIONS", "1000000")),
        ignored: false,
    },
    Proof {
        promise: "I1",
        says: "broken files in a process of their own: the service goes on, memory and time are bounded",
        test: ("--test=cli", "inputs::"),
        size: Some(("ENDCAP_READS", "10000")),
        ignored: false,
    },
    Proof {
        promise: "I3",
        says: "poisoned sales on public panels: set aside, and sound ones not",
        test: ("--test=adapters", "poisoned::"),
        size: Some(("ENDCAP_POISON", "1")),
        ignored: false,
    },
    Proof {
        promise: "I4",
        says: "competitors that lie: no price leaves its bounds, whoever follows is stopped",
        test: ("--lib", "a_lying_competitor"),
        size: None,
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
        promise: "A2",
        says: "a cent, a hundred times too much, another currency, below cost, an empty floor: refused",
        test: ("--lib", "every_fat_finger_is_refused"),
        size: Some(("PROPTEST_CASES", "1000000")),
        ignored: false,
    },
    Proof {
        promise: "A3",
        says: "an agent that proposes 100,000 changes within a minute, however it splits them, is stopped",
        test: ("--lib", "a_runaway_agent_is_stopped_within_the_window_whatever_it_splits"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "A4",
        says: "a stop holds whatever becomes of the database or the file, and is seen within a second",
        test: ("--test=ledger", "stops::"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "I4",
        says: "two repricers that face one another stay between floor and ceiling and stop within three rounds",
        test: ("--lib", "two_repricers_facing_each_other_stay_inside_and_stop_within_three_rounds"),
        size: Some(("PROPTEST_CASES", "100000")),
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
        promise: "R8",
        says: "tables of older programs with offers under way go on; an older program refuses newer ones",
        test: ("--lib", "what_an_older_program_had_under_way_goes_on"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "R8",
        says: "of two machines with different limits the one left behind decides and sends nothing",
        test: ("--test=acting", "a_machine_that_was_left_behind_decides_and_sends_nothing"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "R9",
        says: "any of 50 backups comes back as it was, and verifies against a checkpoint from outside",
        test: ("--test=acting", "each_of_fifty_moments_comes_back_as_it_was"),
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
        promise: "A7",
        says: "what somebody changes at a channel behind our back is found at the next reading and put right",
        test: ("--test=channels", "every_silent_drift_is_found_at_the_next_reading_and_put_right"),
        size: Some(("ENDCAP_DRIFTS", "1000")),
        ignored: false,
    },
    Proof {
        promise: "A7",
        says: "a real shop's cart charges the approved price again after a repair",
        test: ("--test=channels", "what_somebody_changes_in_a_real_shop"),
        size: None,
        ignored: false,
    },
    Proof {
        promise: "G1",
        says: "a person who is erased is in no file of the project, and the trail verifies",
        test: ("--test=cli", "a_person_who_is_erased_is_in_no_store"),
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
        says: "events a second from a broker into records.db, and how long a million that waited take",
        test: ("--test=channels", "feeds::speed"),
        size: Some(("ENDCAP_CATCH_UP", "1000000")),
        ignored: false,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    passed: bool,
    /// What it says of itself.
    measured: Vec<String>,
}

/// Names of all proofs, in the order of the page.
pub fn names() -> Vec<String> {
    PROOFS.iter().map(Proof::name).collect()
}

impl Proof {
    fn name(&self) -> String {
        let test = if self.test.1.is_empty() { self.test.0.trim_start_matches("--test=") } else { self.test.1 };
        format!("{} {test}", self.promise)
    }
}

/// Runs the proofs; false when one failed.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let mut results = Results::open(Shelf::of(false, if options.quick { "quick" } else { "" })?)?;
    let mut failures = vec![];
    let wanted = |proof: &&Proof| options.only.is_empty() || options.only.iter().any(|only| only == proof.promise);
    for proof in PROOFS.iter().filter(wanted) {
        eprintln!("torture: {}: {}", proof.promise, proof.says);
        let outcome = proved(proof, options.quick)?;
        let failed = if outcome.passed { vec![] } else { vec!["it does not hold".to_owned()] };
        let row = Stored::new(&proof.name(), outcome, failed);
        store::keep(&mut results, Some(row), &mut failures, |results| &mut results.proofs)?;
    }
    if !options.quick {
        let path = root().join("docs/RELIABILITY.md");
        fs::write(&path, page(&results.newest()?)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(failures.is_empty())
}

fn proved(proof: &Proof, quick: bool) -> anyhow::Result<Outcome> {
    let mut command = Command::new(env!("CARGO"));
    command.args(TESTS).args([proof.test.0, "--", proof.test.1, "--nocapture"]);
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
    // A test that is not found passes too: one at least must have run, and none may have been skipped.
    let ran = |line: &str| line.starts_with("test result: ok. ") && !line.starts_with("test result: ok. 0 passed");
    let any = |says: &dyn Fn(&str) -> bool| said.iter().flat_map(|text| text.lines()).any(says);
    let passed = output.status.success() && any(&ran) && !any(&|line| line.contains("SKIPPED"));
    if !passed {
        eprintln!("{}{}", said[0], said[1]);
    }
    Ok(Outcome { passed, measured })
}

/// What was measured, without the name of the promise.
fn told((_, line): (&str, &str)) -> String {
    line.split_once(" | ").map_or(line, |(_, rest)| rest).to_owned()
}

fn page(results: &Results) -> String {
    let mut page = format!(
        "# Reliability\n\nWhat is promised, how it was proven, and what came out. `cargo xtask torture` runs the proofs and writes \
         this page, with `--only R1,R4` some of them; the usual tests run most of them, smaller, with every change. Measured in the \
         build of the tests on {}, {} cores.\n\n\
         | promise | | proof | measured | commit |\n| --- | --- | --- | --- | --- |\n",
        results.machine.cpu, results.machine.cores
    );
    for proof in PROOFS {
        let row = results.proofs.iter().find(|row| row.name == proof.name());
        let (came_out, commit) = match row {
            None => ("not run at this size yet".to_owned(), ""),
            Some(row) if !row.row.passed => ("**FAILED**".to_owned(), row.commit.as_str()),
            Some(row) if row.row.measured.is_empty() => (passed(proof), row.commit.as_str()),
            Some(row) => (row.row.measured.join("; ").replace(" | ", ": "), row.commit.as_str()),
        };
        let name = proof.name();
        let test = name.trim_start_matches(proof.promise).trim();
        let _ = writeln!(page, "| {} | {} | `{test}` | {came_out} | {commit} |", proof.promise, proof.says);
    }
    page
}

/// What is to be said of a test that says nothing of itself.
fn passed(proof: &Proof) -> String {
    proof.size.map_or("passed".to_owned(), |(name, size)| match name {
        "PROPTEST_CASES" => format!("passed in {size} cases"),
        _ => format!("passed, {name}={size}"),
    })
}
