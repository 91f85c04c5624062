//! What people and programs see: tables or JSON on standard output, progress and messages on standard error.

use anyhow::Context;
use comfy_table::{ContentArrangement, Table, presets::ASCII_MARKDOWN};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    json: bool,
}

/// How a command ended when nothing broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Exit status 0.
    Done,
    /// Exit status 1: refused or infeasible; the command has said why.
    Refused,
}

impl Console {
    /// Writes JSON when asked to, tables for people otherwise.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes the result: `value` as JSON, or what `show` prints for people.
    pub fn result<T: Serialize>(&self, value: &T, show: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        self.text(&if self.json { serde_json::to_string_pretty(value)? } else { show(value) })
    }

    /// Writes a result that has one form only.
    pub fn text(&self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{text}") {
            Err(broken) if broken.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("could not write to standard output"),
        }
    }

    /// Says something beside the result.
    pub fn note(&self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    /// Starts a progress bar of so many steps; invisible where standard error is no terminal.
    pub fn progress(&self, label: &str, steps: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(steps), draw_target());
        let style = "{prefix:22} {bar:30} {pos}/{len} {elapsed}";
        bar.set_style(ProgressStyle::with_template(style).expect("Invariant: the template is valid"));
        bar.set_prefix(label.to_owned());
        bar
    }

    /// Starts a sign of life for work without known length.
    pub fn spinner(&self, label: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, draw_target());
        bar.set_style(
            ProgressStyle::with_template("{prefix:22} {spinner} {msg} {elapsed}")
                .expect("Invariant: the template is valid"),
        );
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    }
}

/// Progress of named steps, one bar each, from any thread.
pub struct Steps {
    console: Console,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Steps {
    /// Starts without any step.
    pub fn new(console: &Console) -> Self {
        Self { console: *console, bars: Mutex::new(BTreeMap::new()) }
    }

    /// Says that so much of a step is done.
    pub fn at(&self, step: &str, done: usize, all: usize) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(step.to_owned()).or_insert_with(|| self.console.progress(step, all as u64));
        bar.set_length(all as u64);
        bar.set_position(bar.position().max(done as u64));
        if done >= all {
            bar.finish();
        }
    }
}

fn draw_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// Starts a table with these headings, in the one style of all commands.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings);
    table
}
