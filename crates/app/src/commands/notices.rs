//! `endcap notices`: what people have to know, who takes care of it, and who is told.

use super::ground::{Terms, in_force};
use crate::console::{Console, Ending, table};
use crate::notices::{deliver, of_files, of_ground, of_ledger, plan_in_force, round};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_adapters::notices::Settings;
use endcap_adapters::project::Project;
use endcap_adapters::tables::read_json;
use endcap_agent::notices::{Mute, Notice, Sent, Severity, Telling};
use endcap_agent::outbox::Heard;
use endcap_model::{Money, Plan, Sku, hash_json, later};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Show what people have to know, the costliest first; take care of it, mute it, try out who is told.
///
/// Seen are supply, sales outside their usual range, data, silent feeds, channels, messages, roll-outs and the loop. The desk looks
/// every half minute; `check` looks once. Each thing is one notice: warning, critical or emergency by the money at stake
/// (`[judging]` in notices.toml). Receivers (mail, chat, webhook) stand in notices.toml (docs/acting.md).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap notices check shop
  endcap notices list shop --json
  endcap notices ack shop 5b1c2d3e4f501122-1767225600000 --as Ada --reason \"I order today\"
  endcap notices mute shop --sku 38 --hours 24 --as Ada --reason \"sold out on purpose\"
  endcap notices test shop

Exit status: 0 done, 1 nothing of that name is open or somebody could not be told, 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List what is open.
    List(List),
    /// Say that you take care of a notice.
    Ack(Ack),
    /// Tell nobody of some things for a while; they are listed all the same.
    Mute(MuteArgs),
    /// Send every receiver a test.
    Test(Folder),
    /// Look once at everything, and tell whoever has to be told.
    Check(Check),
}

#[derive(clap::Args)]
struct Folder {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    of: Folder,
    /// Also what was over last.
    #[arg(long)]
    over: bool,
}

#[derive(clap::Args)]
struct Ack {
    /// The project's folder.
    folder: PathBuf,
    /// Name of the notice.
    #[arg(value_name = "NOTICE")]
    id: String,
    /// Who takes care of it.
    #[arg(long = "as", id = "by", value_name = "NAME")]
    by: String,
    /// What is done about it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(clap::Args)]
struct MuteArgs {
    #[command(flatten)]
    of: Folder,
    /// Only this kind, such as overstock.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only this item.
    #[arg(long, value_name = "SKU")]
    sku: Option<String>,
    /// Only this store.
    #[arg(long, value_name = "PLACE")]
    store: Option<String>,
    /// For so many hours.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=8760))]
    hours: u16,
    /// Who wants that.
    #[arg(long = "as", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(clap::Args)]
struct Check {
    #[command(flatten)]
    terms: Terms,
}

/// A notice, for programs.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    notice: Notice,
    muted: bool,
}

/// What a check came to.
#[derive(Serialize)]
struct Checked {
    /// Steps that notices took.
    steps: usize,
    open: usize,
    told: usize,
    not_told: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::List(args) => list(args, console),
        What::Ack(args) => acknowledge(args, console),
        What::Mute(args) => mute(args, console),
        What::Test(args) => test(&args.folder, console),
        What::Check(args) => check(args, console),
    }
}

/// Works with the ledger of a project.
fn with_ledger<T>(folder: &Path, work: impl AsyncFnOnce(&Ledger) -> anyhow::Result<T>) -> anyhow::Result<T> {
    super::stop::is_project(folder)?;
    super::serve::runtime()?.block_on(async {
        let ledger = Ledger::open(&folder.join(FILE_NAME), super::audit::random).await?;
        let done = work(&ledger).await;
        ledger.close().await;
        done
    })
}

fn list(args: &List, console: &Console) -> anyhow::Result<Ending> {
    let (folder, now) = (&args.of.folder, Timestamp::now());
    let currency = Project::read(folder)?.currency;
    let shown = with_ledger(folder, async |ledger| {
        let (mut notices, mutes) = (ledger.open_notices().await?, ledger.mutes(now).await?);
        notices.sort_by(Notice::order);
        if args.over {
            notices.extend(ledger.past_notices().await?);
        }
        let shown = |notice: Notice| Shown { muted: mutes.iter().any(|mute| mute.holds(&notice, now)), notice };
        Ok(notices.into_iter().map(shown).collect::<Vec<Shown>>())
    })?;
    console.result(&shown, |shown| {
        let mut rows = table(&["notice", "severity", "what", "at stake", "since", "stands"]);
        for Shown { notice, muted } in shown {
            let money = notice.signal.money.map(|money| Money::new(money, currency).to_string()).unwrap_or_default();
            let stands = match (&notice.over, &notice.acknowledged, notice.escalated, muted) {
                (Some(over), ..) => format!("over since {over:.0}"),
                (_, Some(answer), ..) => format!("{} takes care of it: {}", answer.by, answer.reason),
                (_, _, Some(_), _) => "escalated".to_owned(),
                (.., true) => "muted".to_owned(),
                _ => "open".to_owned(),
            };
            let since = format!("{:.0}", notice.opened);
            rows.add_row([
                notice.id.clone(),
                notice.severity.name().into(),
                notice.signal.text.clone(),
                money,
                since,
                stands,
            ]);
        }
        if shown.is_empty() { "Nothing is open: `endcap notices check` looks.".to_owned() } else { rows.to_string() }
    })?;
    Ok(Ending::Done)
}

fn acknowledge(args: &Ack, console: &Console) -> anyhow::Result<Ending> {
    let (by, reason) = named(&args.by, &args.reason)?;
    let found = with_ledger(&args.folder, async |ledger| {
        Ok(ledger.acknowledge_notice(&args.id, (by, reason), Timestamp::now()).await?)
    })?;
    let Some(notice) = found else {
        console.note(format!("refused: no notice {} is open: `endcap notices list` names them", args.id));
        return Ok(Ending::Refused);
    };
    console.result(&notice, |notice| format!("{by} takes care of it: {}", notice.signal.text))?;
    Ok(Ending::Done)
}

fn mute(args: &MuteArgs, console: &Console) -> anyhow::Result<Ending> {
    let ((by, reason), now) = (named(&args.by, &args.reason)?, Timestamp::now());
    let mute = Mute {
        kind: args.kind.clone(),
        sku: args.sku.as_deref().map(Sku::new),
        place: args.store.clone(),
        from: now,
        until: later(now, SignedDuration::from_hours(args.hours.into())),
        by: by.to_owned(),
        reason: reason.to_owned(),
    };
    with_ledger(&args.of.folder, async |ledger| Ok(ledger.mute_notices(&mute, now).await?))?;
    console.result(&mute, |mute| format!("Nobody is told of that until {:.0}.", mute.until))?;
    Ok(Ending::Done)
}

fn named<'a>(by: &'a str, reason: &'a str) -> anyhow::Result<(&'a str, &'a str)> {
    let (by, reason) = (by.trim(), reason.trim());
    ensure!(
        !by.is_empty() && !reason.is_empty(),
        "an answer needs a named person and a reason: give --as and --reason"
    );
    Ok((by, reason))
}

fn test(folder: &Path, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(folder)?;
    let (settings, now) = (Settings::read(folder)?, Timestamp::now());
    let told: Vec<(String, String)> = settings
        .receivers
        .iter()
        .map(|receiver| {
            let telling = Telling {
                key: hash_json(&(&receiver.name, now)).as_str()[..32].to_owned(),
                receiver: receiver.name.clone(),
                severity: Severity::Warning,
                steps: vec![],
                subject: "Endcap: a test".to_owned(),
                text: "This is a test of who is told of notices. Nothing has to be done.".to_owned(),
                digest: false,
            };
            (receiver.name.clone(), heard(settings.tell(&telling).0))
        })
        .collect();
    console.result(&told, |told| {
        if told.is_empty() {
            return "Nobody is told: notices.toml names no receiver (docs/formats.md shows one).".to_owned();
        }
        told.iter().map(|(name, heard)| format!("{name}: {heard}")).collect::<Vec<_>>().join("\n")
    })?;
    let all = told.iter().all(|(_, heard)| heard == "told");
    Ok(if all { Ending::Done } else { Ending::Refused })
}

fn heard(heard: Heard) -> String {
    match heard {
        Heard::Acknowledged { .. } | Heard::AlreadyThere => "told".to_owned(),
        Heard::Unreachable => "not reached: check address, port and login".to_owned(),
        Heard::Busy { .. } => "turned away for now".to_owned(),
        Heard::Refused { reason } => format!("refused: {reason}"),
        _ => "no answer; it may have arrived".to_owned(),
    }
}

fn check(args: &Check, console: &Console) -> anyhow::Result<Ending> {
    let (folder, now) = (&args.terms.folder, Timestamp::now());
    super::stop::is_project(folder)?;
    let settings = Arc::new(Settings::read(folder)?);
    let ground = match args.terms.ground(args.terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => {
            console.note(format!("refused: {reason}"));
            return Ok(Ending::Refused);
        }
    };
    let plan: Option<Plan> = in_force(folder)?.map(|path| read_json(&path)).transpose()?;
    let mut looks = of_files(folder, now)?;
    looks.extend(of_ground(&ground, plan.as_ref().map_or(&[][..], |plan| &plan.offers))?);
    let in_force = plan_in_force(folder)?;
    let checked = with_ledger(folder, async |ledger| {
        looks.extend(of_ledger(ledger, in_force.as_deref()).await?);
        let steps = round(ledger, &settings, &looks, now).await?.len();
        let told = deliver(ledger, &settings, ground.scenario.currency, Timestamp::now)
            .await
            .context("nobody could be told")?;
        let not_told = told.iter().filter_map(|(receiver, sent)| match sent {
            Sent::Done => None,
            Sent::Again(at) => Some(format!("{receiver}: tried again at {at:.0}")),
            Sent::Failed(why) | Sent::Unclear(why) => Some(format!("{receiver}: {why}")),
        });
        let not_told: Vec<String> = not_told.collect();
        Ok(Checked { steps, open: ledger.open_notices().await?.len(), told: told.len() - not_told.len(), not_told })
    })?;
    console.result(&checked, |checked| {
        let lines = checked.not_told.iter().map(|line| format!("\nNot told: {line}")).collect::<String>();
        format!(
            "{} notices are open, {} steps are new, {} messages were sent.{lines}",
            checked.open, checked.steps, checked.told
        )
    })?;
    Ok(if checked.not_told.is_empty() { Ending::Done } else { Ending::Refused })
}
