//! Generated promotion instances: made by the generator outside the project, kept in scratch space, and checked by the
//! generator's own rules.

use super::Bench;
use crate::helper::{answer, python};
use anyhow::Context;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Size and settings of a generated instance; settings that are none are the generator's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    pub skus: u32,
    pub weeks: u32,
    pub depths: u32,
    pub pairs: bool,
    /// Budget as a share of what the best calendars without limits would cost.
    pub budget: Option<f64>,
    /// Share of the SKUs that may be promoted in a week.
    pub slots: Option<f64>,
    /// Weeks in which a SKU is promoted at most once.
    pub spacing: Option<u32>,
}

impl Shape {
    /// Name of the size and the settings.
    pub fn name(&self) -> String {
        let mut name = format!("{}x{}x{}", self.skus, self.weeks, self.depths);
        if self.pairs {
            name.push_str(" pairs");
        }
        for (word, value) in self.settings() {
            name.push_str(&format!(" {word} {value}"));
        }
        name
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let budget = self.budget.map(|value| ("budget", value.to_string()));
        let slots = self.slots.map(|value| ("slots", value.to_string()));
        let spacing = self.spacing.map(|value| ("spacing", value.to_string()));
        [budget, slots, spacing].into_iter().flatten().collect()
    }

    /// The generator's flags for this shape.
    pub fn flags(&self, seed: u32) -> Vec<String> {
        let size = [("skus", self.skus), ("weeks", self.weeks), ("depths", self.depths), ("seed", seed)];
        let size = size.map(|(word, value)| (word, value.to_string()));
        let mut flags: Vec<String> =
            size.into_iter().chain(self.settings()).flat_map(|(word, value)| [format!("--{word}"), value]).collect();
        if !self.pairs {
            flags.push("--no-pairs".to_owned());
        }
        flags
    }

    /// Name of an instance of this shape, good for a folder.
    pub fn key(&self, seed: u32) -> String {
        format!("{}-seed-{seed}", self.name().replace(' ', "-"))
    }
}

/// What the generator's check says of a plan.
#[derive(Debug, Deserialize)]
pub struct Checked {
    /// Value of the plan in whole cents.
    pub objective: f64,
    /// Rules that it breaks.
    pub errors: Vec<String>,
}

impl Bench {
    /// Folder of a generated instance; makes it where it is missing.
    pub fn instance(&self, shape: &Shape, seed: u32) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.join("instances").join(shape.key(seed));
        if !folder.is_dir() {
            let unfinished = folder.with_extension("unfinished");
            let generator = self.shared.join("bench/plan/gen.py");
            let mut make = python();
            answer(make.arg(generator).args(shape.flags(seed)).arg("--out").arg(&unfinished))?;
            fs::rename(&unfinished, &folder)?;
        }
        Ok(folder)
    }

    /// The instance with another budget.
    pub fn instance_with_budget(&self, shape: &Shape, seed: u32, cents: i64) -> anyhow::Result<PathBuf> {
        let from = self.instance(shape, seed)?;
        let folder = self.scratch.join("instances").join(format!("{}-cents-{cents}", shape.key(seed)));
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        let mut instance = read_instance(&from)?;
        instance["budget_cents"] = cents.into();
        fs::write(folder.join("instance.json"), instance.to_string())?;
        Ok(folder)
    }

    /// Checks the plan in a folder against the generator's rules, with another budget where one is given.
    pub fn check(&self, shape: &Shape, seed: u32, cents: Option<i64>, plan: &Path) -> anyhow::Result<Checked> {
        let mut check = python();
        check.arg(self.scripts.join("check_plan.py")).arg("--bench").arg(self.shared.join("bench/plan"));
        check.args(shape.flags(seed));
        if let Some(cents) = cents {
            check.arg(format!("--budget-cents={cents}"));
        }
        let said = answer(check.arg(plan))?;
        serde_json::from_str(&said).with_context(|| format!("check_plan.py said: {said}"))
    }
}

/// Budget of an instance in whole cents.
pub fn budget_cents(folder: &Path) -> anyhow::Result<i64> {
    read_instance(folder)?["budget_cents"].as_i64().context("instance.json has no budget_cents")
}

fn read_instance(folder: &Path) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(&fs::read_to_string(folder.join("instance.json"))?)?)
}
