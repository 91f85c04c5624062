//! `endcap reconcile`: what every channel really holds, against what it must hold.

use crate::acting::Footing;
use crate::approvals::Office;
use crate::commands::deploy::HeldBack;
use crate::commands::ground::Terms;
use crate::commands::serve::runtime;
use crate::console::{Console, Ending, table};
use crate::{reconcile, who_may};
use anyhow::ensure;
use endcap_adapters::database::is_kept;
use endcap_agent::ports::Findings;
use endcap_agent::reconcile::{Contact, Kind, Open, Report};
use endcap_govern::who_may::{Act, Actor, Circumstances, Field, Question};
use endcap_model::{Autonomy, Channel};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// Read back what every channel holds and tell where that is not what was sent.
///
/// A difference is kept, with item, place, channel, what must be held, what is held and since when, until it is gone; both are
/// in the audit trail. Nothing is put right by itself: --repair decides anew, in the name of a person, that the channel is to
/// hold what it must; the gate checks it, and `endcap send` sends it. Orders and transfers are never sent again.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap reconcile shop
  endcap reconcile shop --channel tills --json
  endcap reconcile shop --repair --as Ada --reason \"a clerk keyed it in\"
  endcap send shop

Exit status: 0 every channel that can be read holds what it must, 1 one does not, did not answer, or a repair was held back,
2 bad input.")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// One channel only.
    #[arg(long, value_name = "NAME")]
    channel: Option<Channel>,
    /// Decide that what differs is put right.
    #[arg(long, requires_all = ["by", "reason"])]
    repair: bool,
    /// Who wants that: an account of the desk that may take back what was sent.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME", requires = "repair")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", requires = "repair")]
    reason: Option<String>,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    report: Report,
    /// Repairs that were decided; nothing where none was asked for.
    repairs_decided: Option<usize>,
    /// Repairs that cannot be, or may not.
    not_repaired: Vec<HeldBack>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let folder = &args.terms.folder;
    ensure!(is_kept(&folder.join("ledger.db")), "{} has sent nothing yet: `endcap deploy`", folder.display());
    let by = match (&args.by, &args.reason) {
        (Some(by), Some(reason)) => match named(folder, by, reason)? {
            Ok(by) => Some((by, reason.trim())),
            Err(why) => {
                console.result(&serde_json::json!({ "refused": why }), |_| why.clone())?;
                return Ok(Ending::Refused);
            }
        },
        _ => None,
    };
    let mut outbox = Footing::outbox(folder)?;
    let mut report = reconcile::read(folder, &mut outbox, args.channel.as_ref())?;
    let (mut repairs_decided, mut not_repaired) = (None, vec![]);
    if let Some((by, reason)) = &by {
        let opened = match Footing::open(&args.terms, console)? {
            Ok(footing) => footing.take(&mut outbox)?.map(|()| footing),
            Err(reason) => Err(reason),
        };
        let footing = match opened {
            Ok(footing) => footing,
            Err(reason) => {
                console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
                return Ok(Ending::Refused);
            }
        };
        let ids: Vec<i64> = report.findings.iter().map(|open| open.id).collect();
        outbox.ask_repair(&ids, by, reason, Timestamp::now())?;
        not_repaired = reconcile::decide_asked(&footing, &mut outbox, folder)?;
        let after = outbox.open_findings()?;
        report.findings = after.into_iter().filter(|open| ids.contains(&open.id)).collect();
        repairs_decided = Some(report.findings.iter().filter(|open| open.repair.is_some()).count());
    }
    let well = match repairs_decided {
        Some(_) => not_repaired.is_empty(),
        None => report.is_well(),
    };
    console.result(&Found { report, repairs_decided, not_repaired }, for_people)?;
    Ok(if well { Ending::Done } else { Ending::Refused })
}

/// The account that wants a repair, if the policies permit it.
fn named(folder: &Path, by: &str, reason: &str) -> anyhow::Result<Result<String, String>> {
    ensure!(!by.trim().is_empty() && !reason.trim().is_empty(), "a repair needs a named person and a reason");
    let account = runtime()?.block_on(async {
        let office = Office::open(folder).await?;
        let account = office.account(by.trim()).await;
        office.close().await;
        account
    })?;
    let actor = Actor { suspended: account.disabled, ..Actor::person(&account.name, &account.roles) };
    let circumstances =
        Circumstances { autonomy: Autonomy::Advise, approved: false, veto_over: false, people: 1, own: false };
    let (who_may, field) = (who_may::in_force(folder)?, Field::default());
    let question = Question { actor, act: Act::Revert, field, circumstances };
    Ok(if who_may.ask(&question).allowed { Ok(account.name) } else { Err(who_may.explain(&question)) })
}

fn for_people(found: &Found) -> String {
    let mut channels = table(&["channel", "must hold", "agree", "differ", "no answer", "read last", "note"]);
    for contact in &found.report.channels {
        let Contact { channel, expected, agree, differ, unread, read, .. } = contact;
        let counts = [expected, agree, differ, unread].map(ToString::to_string);
        let read = read.map_or("never".to_owned(), |at| format!("{at:.0}"));
        let [expected, agree, differ, unread] = &counts;
        channels.add_row([channel.as_str(), expected, agree, differ, unread, &read, &note(contact)]);
    }
    let mut text = match found.report.channels.is_empty() {
        true => "Nothing was sent to any channel yet.".to_owned(),
        false => channels.to_string(),
    };
    if !found.report.findings.is_empty() {
        let mut rows = table(&["what", "must hold", "holds", "well until", "found", "repair"]);
        for Open { finding, asked, repair, .. } in &found.report.findings {
            let words = |wanted: &Option<endcap_agent::outbox::Wanted>, none: &str| {
                wanted.as_ref().map_or(none.to_owned(), |wanted| wanted.describe())
            };
            let there = finding.answer.is_some() || finding.kind == Kind::Extra;
            let unread = if there { "something that cannot be read" } else { "nothing" };
            let after = finding.after.map_or("not known".to_owned(), |at| format!("{at:.0}"));
            let repair = match (repair, asked) {
                (Some(record), _) => format!("decided in record {record}"),
                (None, Some(record)) => format!("asked for in record {record}"),
                (None, None) => String::new(),
            };
            let held = words(&finding.held, unread);
            let expected = words(&finding.expected, "nothing");
            rows.add_row([finding.describe(), expected, held, after, format!("{:.0}", finding.found), repair]);
        }
        text += &format!("\n\n{rows}");
    }
    if let Some(decided) = found.repairs_decided {
        text += &format!("\n\n{decided} repairs are decided: `endcap send` sends them.");
    }
    for HeldBack { what, reason } in &found.not_repaired {
        text += &format!("\nnot repaired: {what}: {reason}");
    }
    text
}

/// What a reader should know of a channel's row.
fn note(contact: &Contact) -> String {
    let cannot = |what: bool, note: &'static str| (!what).then(|| note.to_owned());
    let notes = [
        contact.problem.clone(),
        cannot(contact.reads_back, "cannot be read back"),
        cannot(contact.lists || !contact.reads_back, "cannot list what nobody here decided"),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
