//! Runs the commands of Endcap that are measured, and the Python programs that make their inputs and score them.

use super::Bench;
use crate::bench::example;
use crate::helper::{answer, python};
use crate::measure::{self, Cost};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Inputs made for a forecast or a fit.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Holds `plan.parquet` where there is something to forecast.
    pub folder: PathBuf,
    /// The panel.
    pub history: PathBuf,
    /// Names for `--controls`.
    pub controls: Vec<String>,
}

/// What a command of Endcap came to.
#[derive(Clone, Debug)]
pub enum Ran {
    /// It wrote its files.
    Done(Cost),
    /// It refused; its own words.
    Refused(String),
}

impl Bench {
    /// `endcap fit`.
    pub fn fit(&self, inputs: &Inputs, out: &Path, threads: usize) -> anyhow::Result<Ran> {
        self.endcap("fit", inputs, out, threads, &[])
    }

    /// `endcap forecast`, the model fitted anew from the history.
    pub fn forecast(&self, inputs: &Inputs, out: &Path, threads: usize) -> anyhow::Result<Ran> {
        let plan = inputs.folder.join("plan.parquet");
        self.endcap("forecast", inputs, out, threads, &[OsStr::new("--plan"), plan.as_os_str()])
    }

    /// `endcap twin --panel`: a history with its answer key, from the shipped example.
    pub fn twin_panel(&self, seed: u32, folder: &Path) -> anyhow::Result<Ran> {
        let mut command = Command::new(&self.endcap);
        let example = crate::root().join("examples/twin/known-truth.toml");
        command.arg("twin").arg(example).args(["--json", "--seed", &seed.to_string()]).arg("--panel").arg(folder);
        Ok(self.ended(command)?.0)
    }

    /// Runs a command and leaves what it told beside its output, as `.json`.
    fn endcap(&self, name: &str, inputs: &Inputs, out: &Path, threads: usize, more: &[&OsStr]) -> anyhow::Result<Ran> {
        let mut command = Command::new(&self.endcap);
        command.env("RAYON_NUM_THREADS", threads.to_string()).arg(name).arg("--json");
        command.arg("--panel").arg(&inputs.history).arg("--out").arg(out).args(more);
        if !inputs.controls.is_empty() {
            command.arg("--controls").arg(inputs.controls.join(","));
        }
        let (ran, told) = self.ended(command)?;
        if matches!(ran, Ran::Done(_)) {
            fs::write(out.with_extension("json"), told)?;
        }
        Ok(ran)
    }

    /// Runs a command to its end; also returns what it told.
    fn ended(&self, mut command: Command) -> anyhow::Result<(Ran, String)> {
        let ended = measure::run(command.stderr(Stdio::piped()), None)?;
        if ended.success {
            return Ok((Ran::Done(ended.cost), ended.stdout));
        }
        let said = ended.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("without a word");
        // Results hold no path of a machine, and the page's table no bar.
        let said = said.trim_start_matches("error: ").replace(&format!("{}/", self.scratch.display()), "");
        Ok((Ran::Refused(said.replace('|', "/")), ended.stdout))
    }

    /// Builds an example of the crate `demand` and runs it on one thread.
    pub fn example(&self, name: &str, arguments: &[&OsStr]) -> anyhow::Result<String> {
        answer(example("endcap-demand", name)?.env("RAYON_NUM_THREADS", "1").args(arguments))
    }

    /// Runs a program of ours beside the benchmark.
    pub fn script(&self, name: &str, arguments: &[&OsStr]) -> anyhow::Result<String> {
        answer(python().arg(self.scripts.join(name)).args(arguments))
    }

    /// Runs a program of the shared benchmark.
    pub fn shared_script(&self, name: &str, arguments: &[&OsStr]) -> anyhow::Result<String> {
        answer(python().arg(self.programs().join(name)).args(arguments))
    }

    /// Folder of the shared benchmark's programs.
    pub fn programs(&self) -> PathBuf {
        self.shared.join("bench/demand")
    }

    /// Writes the inputs of Endcap into a folder.
    pub fn inputs<'a>(&self, kind: &'a str, given: &[&'a OsStr], folder: &'a Path) -> anyhow::Result<Inputs> {
        let arguments = [&[OsStr::new(kind)], given, &[folder.as_os_str()]].concat();
        let told: Value = json(&self.script("demand_inputs.py", &arguments)?)?;
        let controls = serde_json::from_value(told["controls"].clone())?;
        Ok(Inputs { folder: folder.to_path_buf(), history: folder.join("history.parquet"), controls })
    }

    /// Scores what Endcap wrote.
    pub fn scores<'a>(&self, what: &'a str, given: &[&'a OsStr]) -> anyhow::Result<Value> {
        json(&self.script("demand_scores.py", &[&[OsStr::new(what)], given].concat())?)
    }
}

/// Words as arguments.
pub fn words<'a>(given: &[&'a str]) -> Vec<&'a OsStr> {
    given.iter().map(|word| OsStr::new(*word)).collect()
}

/// Reads the last line that a program wrote.
pub fn json<T: DeserializeOwned>(said: &str) -> anyhow::Result<T> {
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("a program said: {last}"))
}

/// A number at a path of keys; none where it is null or absent.
pub fn number(value: &Value, path: &str) -> Option<f64> {
    value.pointer(path).and_then(Value::as_f64)
}
