//! Worlds with known truth, of a simulator that is not ours and of `endcap twin --panel`: what `endcap fit` says of elasticities, the dip and past promotions, against what is so.
//!
//! Items are scored whether they are estimated or borrowed; an item that is refused counts as not covered.

use super::figure::{Figure, Reach};
use super::program::{Inputs, Ran, number, words};
use super::{Bench, Measured};
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

/// Seeds that are measured when none are asked for. They are the benchmark's own: nobody tunes on them.
pub const SEEDS: [u32; 5] = [201, 202, 203, 204, 205];

/// The world whose shoppers are those of our own twin: another law than any that is estimated.
const TWIN: &str = "twin";

/// A world and what is asked of its own elasticities.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Letter of the scenario.
    pub scenario: &'static str,
    goal: u8,
    bias: Reach,
    rmse: Reach,
    coverage: Reach,
    /// Whether purchases are pulled forward, so that there is a dip to find.
    dips: bool,
    /// Whether the split of past promotions has a goal.
    split: bool,
}

/// The five scenarios of the simulator, then our own: A promotes at random, B where demand is high, C also pulls purchases forward, D also runs out of
/// stock, E also knows demand that the panel does not show.
pub fn worlds() -> [World; 6] {
    let shown = World {
        scenario: "A",
        goal: 1,
        bias: Reach::Shown,
        rmse: Reach::Shown,
        coverage: Reach::Shown,
        dips: false,
        split: false,
    };
    let bias = Reach::near_zero(0.05);
    let (rmse, coverage) = (Reach::AtMost(0.20), Reach::Between(0.93, 0.97));
    let confounded = World { scenario: "B", bias, rmse, coverage, split: true, ..shown };
    let dip = World { scenario: "C", dips: true, ..confounded };
    let (rmse, coverage) = (Reach::AtMost(0.23), Reach::AtLeast(0.92));
    let out = World { scenario: "D", goal: 2, rmse, coverage, ..dip };
    let hidden = World { scenario: "E", goal: 3, dips: true, ..shown };
    let twin = World { scenario: TWIN, dips: true, ..shown };
    [shown, confounded, dip, out, hidden, twin]
}

impl World {
    /// Name of the case.
    pub fn name(&self) -> String {
        format!("world {}", self.scenario)
    }
}

/// What was scored of one seed.
struct Scored {
    effects: Value,
    events: Value,
}

/// Fits every seed of a world and gathers the figures.
pub fn measure(bench: &Bench, world: &World) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut scored = Vec::new();
    for seed in bench.seeds() {
        scored.extend(one(bench, world, seed, &mut measured)?);
    }
    if scored.is_empty() {
        return Ok(measured);
    }
    measured.figures.extend(own(world, &scored));
    measured.figures.extend(others(world, &scored));
    measured.figures.extend(split(world, &scored));
    Ok(measured)
}

/// Makes the history of a seed, its truth beside it; nothing where the program cannot.
fn history(bench: &Bench, world: &World, seed: u32, folder: &Path) -> anyhow::Result<Result<Inputs, String>> {
    if world.scenario == TWIN {
        let history = folder.join("panel.parquet");
        return Ok(match bench.twin_panel(seed, folder)? {
            Ran::Done(_) => Ok(Inputs { folder: folder.to_path_buf(), history, controls: Vec::new() }),
            Ran::Refused(reason) => Err(reason),
        });
    }
    let seed = seed.to_string();
    let made = words(&["make", "--scenario", world.scenario, "--seed", &seed, "--out"]);
    bench.shared_script("simulate.py", &[&made[..], &[folder.as_os_str()]].concat())?;
    bench.inputs("world", &[folder.join("panel.parquet").as_os_str()], &folder.join("given")).map(Ok)
}

fn one(bench: &Bench, world: &World, seed: u32, measured: &mut Measured) -> anyhow::Result<Option<Scored>> {
    let folder = bench.scratch.join(format!("world-{}-{seed}", world.scenario));
    let inputs = match history(bench, world, seed, &folder)? {
        Ok(inputs) => inputs,
        Err(reason) => {
            let name = format!("{} history of seed {seed}", world.scenario);
            measured.figures.push(Figure::not_run(world.goal, name, Reach::Shown, &reason));
            return Ok(None);
        }
    };
    let fit = folder.join("fit");
    match bench.fit(&inputs, &fit, 1)? {
        Ran::Refused(reason) => {
            measured.failures.push(format!("seed {seed}: `endcap fit` ended badly: {reason}"));
            Ok(None)
        }
        Ran::Done(cost) => {
            measured.cost(&format!("fit, world {}, 30,000 rows", world.scenario), cost);
            let given = [folder.as_os_str(), fit.as_os_str()];
            let scored = Scored { effects: bench.scores("effects", &given)?, events: bench.scores("events", &given)? };
            let bias = number(&scored.effects, "/own_price/bias").context("effects without an own price")?;
            eprintln!("bench:   seed {seed}: bias of own elasticities {bias:+.3}, {:.2} CPU s", cost.cpu);
            Ok(Some(scored))
        }
    }
}

/// A figure of every seed; empty where any seed lacks it.
fn each(scored: &[Scored], pick: impl Fn(&Scored) -> Option<f64>) -> Vec<f64> {
    scored.iter().map(pick).collect::<Option<Vec<f64>>>().unwrap_or_default()
}

fn mean(parts: &[f64]) -> Option<f64> {
    (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
}

fn root_mean_square(parts: &[f64]) -> Option<f64> {
    mean(&parts.iter().map(|part| part * part).collect::<Vec<f64>>()).map(f64::sqrt)
}

fn averaged(goal: u8, name: String, reach: Reach, parts: Vec<f64>) -> Figure {
    Figure::new(goal, name, mean(&parts), reach).of(parts)
}

fn own(world: &World, scored: &[Scored]) -> Vec<Figure> {
    let (letter, goal) = (world.scenario, world.goal);
    let of = |key: &str| each(scored, |seed| number(&seed.effects, key));
    let rmse = of("/own_price/rmse");
    let mut figures = vec![
        averaged(goal, format!("{letter} own elasticity: bias"), world.bias, of("/own_price/bias")),
        Figure::new(goal, format!("{letter} own elasticity: RMSE"), root_mean_square(&rmse), world.rmse).of(rmse),
        averaged(goal, format!("{letter} own elasticity: coverage 95 %"), world.coverage, of("/own_price/coverage")),
        averaged(goal, format!("{letter} own elasticity: width"), Reach::Shown, of("/own_price/width")),
    ];
    let hidden = letter == "E";
    let (flagged, covered) =
        if hidden { (Reach::AtLeast(0.9), Reach::AtLeast(0.9)) } else { (Reach::Shown, Reach::Shown) };
    figures.extend([
        averaged(3, format!("{letter} plain intervals flagged: share"), flagged, of("/flagged")),
        averaged(3, format!("{letter} sensitivity interval: coverage"), covered, of("/sensitivity_coverage")),
        averaged(3, format!("{letter} sensitivity interval: width"), Reach::Shown, of("/sensitivity_width")),
    ]);
    figures
}

fn others(world: &World, scored: &[Scored]) -> Vec<Figure> {
    let asked = |reach: Reach, asked: bool| if asked { reach } else { Reach::Shown };
    let letter = world.scenario;
    let mut figures = Vec::new();
    let effects = [("cross_price", "cross elasticity", world.split), ("dip", "dip", world.split && world.dips)];
    // The twin's shoppers have no dip per log lift.
    let known = |key: &str| key != "dip" || world.scenario != TWIN;
    for (key, name, goal) in effects.into_iter().filter(|(key, ..)| known(key)) {
        let of = |figure: &str| each(scored, |seed| number(&seed.effects, &format!("/{key}/{figure}")));
        let coverage = asked(Reach::Between(0.90, 0.97), goal);
        figures.push(averaged(5, format!("{letter} {name}: coverage 95 %"), coverage, of("coverage")));
        figures.push(averaged(5, format!("{letter} {name}: bias"), Reach::Shown, of("bias")));
        if key != "dip" || world.dips {
            let right = asked(Reach::AtLeast(1.0), goal);
            figures.push(averaged(5, format!("{letter} {name}: sign right beyond 2 s.e."), right, of("sign_right")));
        }
    }
    for key in ["feature", "display"] {
        let of = |figure: &str| each(scored, |seed| number(&seed.effects, &format!("/{key}/{figure}")));
        figures.push(averaged(5, format!("{letter} {key}: coverage 95 %"), Reach::Shown, of("coverage")));
    }
    figures
}

/// Sums are over all seeds; errors are means of the seeds.
fn split(world: &World, scored: &[Scored]) -> Vec<Figure> {
    let asked = |reach: Reach| if world.split { reach } else { Reach::Shown };
    let letter = world.scenario;
    let of = |figure: &str| each(scored, |seed| number(&seed.events, &format!("/all/{figure}")));
    let true_net = of("true_net");
    let ratio = of("net_ratio");
    let told: f64 = true_net.iter().zip(&ratio).map(|(net, ratio)| net * ratio).sum();
    let pooled = (!ratio.is_empty()).then(|| told / true_net.iter().sum::<f64>());
    let mut figures = vec![
        Figure::new(4, format!("{letter} net units, told over true"), pooled, asked(Reach::Between(0.92, 1.08)))
            .of(ratio),
        averaged(4, format!("{letter} error per event"), asked(Reach::AtMost(0.25)), of("event_error")),
        averaged(4, format!("{letter} net units of an event: coverage 95 %"), Reach::Shown, of("coverage")),
        averaged(4, format!("{letter} own units, told over true"), Reach::Shown, of("own_ratio")),
        averaged(4, format!("{letter} cannibalised, told over true"), Reach::Shown, of("cannibalised_ratio")),
        averaged(4, format!("{letter} usual report over true net"), Reach::Shown, of("naive_ratio")),
    ];
    if world.dips {
        figures.push(averaged(4, format!("{letter} pulled forward, told over true"), Reach::Shown, of("dip_ratio")));
    }
    figures
}
