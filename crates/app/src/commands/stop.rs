//! `endcap stop`: nothing that is stopped leaves the house, whatever wants to send it.

use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_adapters::ledger::stops::{NotKept, Ordered, StopBook};
use endcap_govern::stop::{Order, Places, Scope, Stops, Wanted};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Stop sending: no price, offer, order or plan of the scope leaves the house until a named person lifts it.
///
/// It holds at once, also while the database is broken or held by another program, and what was decided before stays void
/// after it is lifted. Planning goes on; `endcap halt` stops that (the loop plans nothing until `endcap resume`) and stops no
/// sending by other programs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap stop shop --as Ada --reason \"prices are wrong\"                      everything
  endcap stop shop --category dairy --as Ada --reason \"recall\"               one category
  endcap stop shop --show
  endcap stop shop --lift --as Grace --reason \"prices were corrected\"
  endcap stop shop --lift --category dairy --as Grace --reason \"recall is over\"

Exit status: 0 done (also where only one of the two places could be written: the message says so), 1 nothing was lifted
(the reason is printed), 2 the stop could not be kept anywhere, or bad input.")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    of: Of,
    /// Let the scope act again; needs both the ledger and stops.json.
    #[arg(long)]
    lift: bool,
    /// Show what is stopped, by whom and why.
    #[arg(long, conflicts_with_all = ["lift", "by", "reason", "category", "channel", "agent", "tenant"])]
    show: bool,
    /// Who stops or lifts it.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME", required_unless_present = "show")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", required_unless_present = "show")]
    reason: Option<String>,
}

/// What to stop; everything when none is given.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Of {
    /// One category only.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// One channel only.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// What one agent does.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// One tenant only.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// What is stopped, for programs.
#[derive(Serialize)]
struct Shown {
    /// `running`, `stopped` or `unknown` (nothing is sent then).
    state: &'static str,
    epoch: Option<u64>,
    stopped: Vec<Frozen>,
    /// Why it is not known what is stopped.
    unknown: Option<String>,
    /// What could not be written.
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Frozen {
    #[serde(flatten)]
    scope: Scope,
    #[serde(flatten)]
    order: Order,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    is_project(&args.folder)?;
    let book = StopBook::new(&args.folder, super::audit::random);
    super::serve::runtime()?.block_on(async {
        let (Some(by), Some(reason)) = (&args.by, &args.reason) else {
            return show(&Shown::of(&book.places().await), console);
        };
        let wanted = wanted(args.of.scope(), by, reason)?;
        if args.lift { lift(&book, &wanted, console).await } else { stop(&book, &wanted, console).await }
    })
}

async fn stop(book: &StopBook, wanted: &Wanted, console: &Console) -> anyhow::Result<Ending> {
    let ordered = book.freeze(wanted).await?;
    show(&Shown::after(&ordered, &book.places().await), console)
}

async fn lift(book: &StopBook, wanted: &Wanted, console: &Console) -> anyhow::Result<Ending> {
    match book.resume(wanted).await {
        Ok(Ok(ordered)) => show(&Shown::after(&ordered, &book.places().await), console),
        Ok(Err(refused)) => refuse(&refused.to_string(), console),
        Err(held @ (NotKept::Held(_) | NotKept::Overtaken)) => refuse(&held.to_string(), console),
        Err(broken) => Err(broken.into()),
    }
}

fn refuse(why: &str, console: &Console) -> anyhow::Result<Ending> {
    console.result(&serde_json::json!({ "refused": why }), |_| why.to_owned())?;
    Ok(Ending::Refused)
}

/// An order with a named person and a reason.
fn wanted(scope: Scope, by: &str, reason: &str) -> anyhow::Result<Wanted> {
    let (by, reason) = (by.trim().to_owned(), reason.trim().to_owned());
    ensure!(!by.is_empty() && !reason.is_empty(), "a stop needs a named person and a reason: give --as and --reason");
    Ok(Wanted { scope, by, reason, at: Timestamp::now() })
}

/// A stop in the wrong folder would stop nothing.
pub fn is_project(folder: &Path) -> anyhow::Result<()> {
    let files = ["endcap.toml", "journal.db", "ledger.db", "stops.json", "desk.db"];
    ensure!(
        files.iter().any(|file| folder.join(file).exists()),
        "{} is no project's folder, so that a stop there would stop nothing: name the one that is sent from",
        folder.display()
    );
    Ok(())
}

impl Of {
    fn scope(&self) -> Scope {
        match (&self.category, &self.channel, &self.agent, &self.tenant) {
            (Some(of), ..) => Scope::Category(of.clone()),
            (_, Some(of), ..) => Scope::Channel(of.as_str().into()),
            (_, _, Some(of), _) => Scope::Agent(of.clone()),
            (.., Some(of)) => Scope::Tenant(of.clone()),
            _ => Scope::Global,
        }
    }
}

impl Shown {
    fn of(places: &Places) -> Self {
        match places.known() {
            Some(stops) => Self::known(&stops, vec![]),
            None if places.are_empty() => Self::known(&Stops::default(), vec![]),
            None => {
                let unknown = places.unknown();
                Self { state: "unknown", epoch: None, stopped: vec![], unknown, faults: vec![] }
            }
        }
    }

    fn after(ordered: &Ordered, places: &Places) -> Self {
        let unknown = if places.known().is_none() { places.unknown() } else { None };
        Self { unknown, ..Self::known(&ordered.stops, ordered.faults.clone()) }
    }

    fn known(stops: &Stops, faults: Vec<String>) -> Self {
        let frozen = |(scope, order): (&Scope, &Order)| Frozen { scope: scope.clone(), order: order.clone() };
        let stopped: Vec<Frozen> = stops.in_force().into_iter().map(frozen).collect();
        let state = if stopped.is_empty() { "running" } else { "stopped" };
        Self { state, epoch: Some(stops.epoch()), stopped, unknown: None, faults }
    }
}

fn show(shown: &Shown, console: &Console) -> anyhow::Result<Ending> {
    for fault in &shown.faults {
        console.note(format!("warning: {fault}"));
    }
    console.result(shown, for_people)?;
    Ok(Ending::Done)
}

fn for_people(shown: &Shown) -> String {
    let unknown = shown.unknown.as_ref().map(|why| {
        format!("It is not known for sure what is stopped ({why}): nothing is sent until everything is lifted.")
    });
    let stopped = match shown.stopped.is_empty() {
        true if unknown.is_some() => None,
        true => Some("Nothing is stopped.".to_owned()),
        false => {
            let mut rows = table(&["stopped", "by", "at", "why"]);
            for Frozen { scope, order } in &shown.stopped {
                rows.add_row([scope.to_string(), order.by.clone(), format!("{:.0}", order.at), order.reason.clone()]);
            }
            Some(rows.to_string())
        }
    };
    [stopped, unknown].into_iter().flatten().collect::<Vec<_>>().join("\n")
}
