//! `endcap test`: the cheapest test that would tell an effect, and what it showed.

mod design;
mod read;

use crate::console::{Console, Ending};
use anyhow::bail;
use endcap_model::EffectKind;

/// Design the cheapest test in the shops that would tell an effect, and read what it showed.
///
/// Where the history cannot tell how an item answers, matched pairs of places can: one of each pair, drawn by lot, runs
/// the offer, the other keeps to the usual terms.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap test design shop --margin-rate 0.3 --depths 0.1,0.2\n  endcap test design --panel history.parquet --item 38 --margin-rate 0.3 --looks 3 --out tests\n  endcap test read tests/test-HASH.json shop"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Design(Box<design::Args>),
    Read(read::Args),
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.command {
        Command::Design(args) => design::run(args, console),
        Command::Read(args) => read::run(args, console),
    }
}

/// Reads the name of an effect.
pub fn effect(text: &str) -> Result<EffectKind, String> {
    let names: Vec<&str> = EffectKind::ALL.iter().map(|effect| effect.name()).collect();
    let found = EffectKind::ALL.into_iter().find(|effect| effect.name() == text);
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// Writes an interval; an end that the places are too few for is said to be open.
fn interval(lo: f64, hi: f64) -> String {
    let end = |value: f64| if value.is_finite() { format!("{value:+.2}") } else { "open".to_owned() };
    format!("{} to {}", end(lo), end(hi))
}

/// Refuses a share that is none.
fn share(name: &str, value: f64) -> anyhow::Result<()> {
    if !(value > 0.0 && value < 1.0) {
        bail!("{name} is {value}: expected a share between 0 and 1, such as 0.3");
    }
    Ok(())
}
