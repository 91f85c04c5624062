//! The optimiser's section of docs/BENCHMARKS.md.

use super::peers::{Peer, PeerRun};
use super::promotion::PromotionRow;
use super::public::PublicRow;
use super::replan::ReplanRow;
use super::threads::ThreadsRow;
use crate::page::table;
use crate::store::{Results, Stored};

/// Heading of the section.
pub const HEADING: &str = "The optimiser";

/// The section: generated instances, threads, re-plans, public problems, and what failed.
pub fn section(results: &Results) -> String {
    let mut section = format!(
        "Measured on {}, {} cores, one thread unless said. CPU seconds and peak memory are of the whole process, reading\n\
         and writing included; where a row has several seeds, the worst is shown. The gap is (bound - plan) / bound. Every\n\
         plan passed a check that is not ours, in whole cents and units, and no bound is below any plan known, unless a row\n\
         says FAILED.\n",
        results.machine.cpu, results.machine.cores
    );
    let parts = [
        table(
            "Generated instances. Public solvers run one thread on the first seed; their seconds are CPU seconds of solving\n\
             alone, their gap is to their own bound.",
            &["instance", "reach", "seeds", "gap", "CPU s", "wall s solving", "peak MiB", "met", "public solvers"],
            results.promotion.iter().map(promotion).collect(),
        ),
        table(
            "Threads. The plan's bytes, the objective and the bound have to be the same in two runs with one thread, two with\n\
             two and one with three; wall seconds are those of the faster run.",
            &["instance", "same", "wall s, 1", "wall s, 2", "ratio", "ratio, solving alone", "reach", "met"],
            results.threads.iter().map(threads).collect(),
        ),
        table(
            "Plans made again after a change, from the prices and the plan before.",
            &["change", "reach", "gap", "CPU s", "full solve", "share", "wall s solving", "full solve", "share", "met"],
            results.replan.iter().map(replan).collect(),
        ),
        table(
            "Public problems. Short of: by how much the plan's value falls short of the best known.",
            &[
                "set",
                "reach",
                "solved",
                "limit s",
                "optimal",
                "best known",
                "short of, mean",
                "worst",
                "bound wrong by",
                "CPU s, mean",
                "most",
                "met",
            ],
            results.public.iter().map(public).collect(),
        ),
    ];
    parts.into_iter().flatten().for_each(|part| section.push_str(&part));
    let failures = failures(results);
    if !failures.is_empty() {
        section.push_str(&format!("\nFAILED checks:\n\n{failures}"));
    }
    section
}

fn promotion(stored: &Stored<PromotionRow>) -> Vec<String> {
    let row = &stored.row;
    let gap = row.runs.iter().map(|run| run.gap.unwrap_or(f64::INFINITY)).fold(f64::NEG_INFINITY, f64::max);
    let worst = |pick: fn(&super::solver::Run) -> f64| row.runs.iter().map(pick).fold(0.0, f64::max);
    let memory = row.target.megabytes.map_or(String::new(), |most| format!(", {most} MB"));
    let peers: Vec<String> = row.peers.iter().map(|peer| peer_text(peer, row)).collect();
    vec![
        stored.name.clone(),
        format!("{}, {} s{memory}", row.target.gap_text(), row.target.cpu),
        row.runs.iter().map(|run| run.seed.to_string()).collect::<Vec<_>>().join(", "),
        percent(gap),
        seconds(worst(|run| run.cost.cpu)),
        seconds(worst(|run| run.answer.seconds)),
        format!("{:.0}", worst(|run| run.cost.peak_mib)),
        met(stored, row.met()),
        if peers.is_empty() { "not run".to_owned() } else { peers.join("; ") },
        stored.commit.clone(),
    ]
}

fn peer_text(peer: &PeerRun, row: &PromotionRow) -> String {
    let (name, cpu) = (peer.solver.name(), seconds(peer.cpu));
    let below = peer.below_best.map_or("-".to_owned(), percent);
    match (peer.solver, peer.seconds_to_gap, peer.gap) {
        (Peer::Greedy, ..) => format!("{name}: plan {below} below the best"),
        (Peer::HighsLp, ..) => format!("{name}: bound {:.2} in {cpu} s", peer.bound.unwrap_or(f64::NAN) / 100.0),
        (_, Some(at), _) => format!("{name}: {} in {} s", row.target.gap_text(), seconds(at)),
        (_, None, Some(gap)) => format!("{name}: {} after {cpu} s, plan {below} below the best", percent(gap)),
        (_, None, None) => format!("{name}: no plan after {cpu} s"),
    }
}

fn threads(stored: &Stored<ThreadsRow>) -> Vec<String> {
    let row = &stored.row;
    vec![
        format!("{}, gap {}", stored.name, percent(row.gap)),
        if row.same { "yes" } else { "NO" }.to_owned(),
        seconds(row.one.cost.wall),
        seconds(row.two.cost.wall),
        format!("{:.2}", row.ratio()),
        format!("{:.2}", row.ratio_solving()),
        row.ratio_most.map_or("same bytes".to_owned(), |most| format!("same bytes, ratio {most}")),
        met(stored, row.met()),
        stored.commit.clone(),
    ]
}

fn replan(stored: &Stored<ReplanRow>) -> Vec<String> {
    let row = &stored.row;
    let reach = match (row.cpu_share_most, row.seconds_most) {
        (Some(share), _) => format!("CPU share {share}"),
        (None, Some(most)) => format!("{most} s solving"),
        (None, None) => "-".to_owned(),
    };
    vec![
        stored.name.clone(),
        format!("gap {}, {reach}", percent(row.gap)),
        row.warm.gap.map_or("-".to_owned(), percent),
        seconds(row.warm.cost.cpu),
        seconds(row.full.cost.cpu),
        format!("{:.2}", row.cpu_share()),
        format!("{:.3}", row.warm.answer.seconds),
        format!("{:.3}", row.full.answer.seconds),
        format!("{:.2}", row.seconds_share()),
        met(stored, row.met()),
        stored.commit.clone(),
    ]
}

fn public(stored: &Stored<PublicRow>) -> Vec<String> {
    let row = &stored.row;
    let shorts: Vec<f64> = row.shorts().collect();
    let cpu: Vec<f64> = row.runs.iter().map(|run| run.cost.cpu).collect();
    let without = row.without_plan();
    let solved = format!("{} of {}", row.runs.len(), row.problems);
    vec![
        stored.name.clone(),
        row.reach.clone(),
        if without == 0 { solved } else { format!("{solved}, {without} without a plan") },
        row.limit.to_string(),
        row.proven().to_string(),
        format!("{} of {}", row.reached(), shorts.len()),
        percent(mean(&shorts)),
        percent(most(&shorts)),
        percent(row.runs.iter().map(|run| run.bound_wrong).fold(0.0, f64::max)),
        seconds(mean(&cpu)),
        seconds(most(&cpu)),
        if row.reach == "-" && stored.failures.is_empty() { "-".to_owned() } else { met(stored, row.met) },
        stored.commit.clone(),
    ]
}

fn failures(results: &Results) -> String {
    fn told<R>(rows: &[Stored<R>]) -> impl Iterator<Item = String> {
        rows.iter().flat_map(|row| row.failures.iter().map(|told| format!("- {}: {told}\n", row.name)))
    }
    let parts = told(&results.promotion).chain(told(&results.threads));
    parts.chain(told(&results.replan)).chain(told(&results.public)).collect()
}

fn met<R>(stored: &Stored<R>, met: bool) -> String {
    let word = match (stored.failures.is_empty(), met) {
        (false, _) => "FAILED",
        (true, true) => "yes",
        (true, false) => "no",
    };
    word.to_owned()
}

fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.4} %", share * 100.0) } else { "-".to_owned() }
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{seconds:.3}") } else { format!("{seconds:.1}") }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
