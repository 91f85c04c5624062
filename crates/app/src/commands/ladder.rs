//! `endcap ladder`: how far the machine may go by itself, and who moves it.

use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::{FILE_NAME, Ledger, LedgerError, Move};
use endcap_adapters::tables;
use endcap_agent::evidence::Tally;
use endcap_agent::value::tested_low;
use endcap_govern::audit::{Record, Told};
use endcap_govern::ladder::{Evidence, Field, Ladder, NotRaised, RiseRule};
use endcap_govern::who_may::Act;
use endcap_model::{Autonomy, Policy};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show how far the machine may go by itself, by category, channel and action; raise or lower it.
///
/// It advises where nothing is set. It rises one rung at a time, by a named person, on evidence that `[[rise]]` in policy.toml
/// asks for; it is lowered at any time. Rungs: halted, advise, propose, act_with_veto, act.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap ladder show shop
  endcap ladder show shop --category dairy --channel till --action set_price
  endcap ladder raise shop --category dairy --channel till --action set_price --as Ada --reason \"four good weeks\"
  endcap ladder lower shop --category dairy --channel till --action set_price --as Ada --reason \"odd prices\"

Exit status: 0 done, 1 not raised (the reason is printed), 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show all rungs that were set; of one field, also the evidence for the next rung.
    Show(Show),
    /// Raise the machine by one rung, if the evidence meets the rule.
    Raise(Step),
    /// Lower the machine by a rung, or to the one that --to names.
    Lower(Lower),
}

#[derive(clap::Args)]
struct Show {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Category.
    #[arg(long, value_name = "NAME", requires_all = ["channel", "action"])]
    category: Option<String>,
    /// Channel.
    #[arg(long, value_name = "NAME", requires = "category")]
    channel: Option<String>,
    /// Action: set_price, start_offer, change_offer, end_offer, order or transfer.
    #[arg(long, value_name = "ACTION", value_parser = action, requires = "category")]
    action: Option<String>,
}

#[derive(clap::Args)]
struct Step {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Category.
    #[arg(long, value_name = "NAME")]
    category: String,
    /// Channel.
    #[arg(long, value_name = "NAME")]
    channel: String,
    /// Action: set_price, start_offer, change_offer, end_offer, order or transfer.
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: String,
    /// Who moves it.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(clap::Args)]
struct Lower {
    #[command(flatten)]
    step: Step,
    /// The rung to go down to; one below when not given.
    #[arg(long, value_name = "RUNG", value_parser = rung)]
    to: Option<Autonomy>,
}

/// One rung, for programs.
#[derive(Serialize)]
struct Standing {
    #[serde(flatten)]
    field: Field,
    autonomy: Autonomy,
    since: Option<Timestamp>,
    because: Option<String>,
}

/// Where the machine stands in a field, and what is known for the next rung.
#[derive(Serialize)]
struct Outlook {
    #[serde(flatten)]
    standing: Standing,
    next: Option<Autonomy>,
    evidence: Evidence,
    rule: Option<RiseRule>,
    /// Why it cannot rise yet; nothing where it can.
    short: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    super::serve::runtime()?.block_on(async {
        match &args.what {
            What::Show(args) => show(args, console).await,
            What::Raise(step) => raise(step, console).await,
            What::Lower(args) => lower(args, console).await,
        }
    })
}

async fn show(args: &Show, console: &Console) -> anyhow::Result<Ending> {
    let ledger = opened(&args.folder).await?;
    let ladder = ledger.ladder().await?;
    if let (Some(category), Some(channel), Some(action)) = (&args.category, &args.channel, &args.action) {
        let field = field(category, channel, action);
        let told = Outlook::of(&ledger, &ladder, &field, &rules(&args.folder)?, Timestamp::now()).await?;
        console.result(&told, Outlook::for_people)?;
        return Ok(Ending::Done);
    }
    let rungs: Vec<Standing> = ladder.rungs().map(|(field, _)| Standing::of(&ladder, field)).collect();
    console.result(&rungs, |rungs| {
        if rungs.is_empty() {
            return "No rung was set: the machine advises everywhere.".to_owned();
        }
        let mut rows = table(&["category", "channel", "action", "rung", "since", "why"]);
        for rung in rungs {
            let Field { category, channel, action } = &rung.field;
            let since = rung.since.map(|since| format!("{since:.0}")).unwrap_or_default();
            let why = rung.because.clone().unwrap_or_default();
            rows.add_row([category.clone(), channel.to_string(), action.clone(), word(rung.autonomy), since, why]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

async fn raise(step: &Step, console: &Console) -> anyhow::Result<Ending> {
    let (field, by, reason) = step.named()?;
    let (ledger, rules, now) = (opened(&step.folder).await?, rules(&step.folder)?, Timestamp::now());
    match raised(&ledger, &field, (by, true), reason, &rules, now).await? {
        Ok(ladder) => tell(&ladder, &field, console),
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| format!("Not raised: {why}"))?;
            Ok(Ending::Refused)
        }
    }
}

async fn lower(args: &Lower, console: &Console) -> anyhow::Result<Ending> {
    let (field, by, reason) = args.step.named()?;
    let ledger = opened(&args.step.folder).await?;
    let ladder = lowered(&ledger, &field, by, reason, args.to, Timestamp::now()).await?;
    tell(&ladder, &field, console)
}

/// Raises the machine by one rung, on the evidence that the audit trail holds. The inner error says why not.
pub async fn raised(
    ledger: &Ledger,
    field: &Field,
    (by, human): (&str, bool),
    reason: &str,
    rules: &[RiseRule],
    now: Timestamp,
) -> Result<Result<Ladder, NotRaised>, LedgerError> {
    let evidence = evidence(ledger, &ledger.ladder().await?, field, now).await?;
    let reasons = vec![Told::personal(reason), Told::open(evidence)];
    let wanted = Move { field: field.clone(), by: Told::personal(by), reasons, at: now };
    ledger.move_to_rung(wanted, |ladder| ladder.raise(field, (by, human), &evidence, rules, now)).await
}

/// Lowers the machine to a rung, or by one.
pub async fn lowered(
    ledger: &Ledger,
    field: &Field,
    by: &str,
    reason: &str,
    to: Option<Autonomy>,
    now: Timestamp,
) -> Result<Ladder, LedgerError> {
    let reasons = vec![Told::personal(reason)];
    let wanted = Move { field: field.clone(), by: Told::personal(by), reasons, at: now };
    let lower = |ladder: &Ladder| {
        let to = to.or(ladder.below(field)).unwrap_or(Autonomy::Halted);
        Ok::<_, std::convert::Infallible>(ladder.lower(field, to, by, now))
    };
    let Ok(ladder) = ledger.move_to_rung(wanted, lower).await?;
    Ok(ladder)
}

/// What the audit trail tells of a field since the machine stands on its rung.
pub async fn evidence(
    ledger: &Ledger,
    ladder: &Ladder,
    field: &Field,
    now: Timestamp,
) -> Result<Evidence, LedgerError> {
    let since = ladder.rung(field).map(|rung| rung.since);
    let mut tally = Tally::since(since);
    let take = |content: &[u8]| {
        let unreadable =
            |error: serde_json::Error| LedgerError::Unreadable { what: "a record", reason: error.to_string() };
        tally.take(&serde_json::from_slice::<Record>(content).map_err(unreadable)?);
        Ok::<_, LedgerError>(())
    };
    ledger.each(take).await?;
    let value_low = tested_low(ledger.rollouts().await?.iter(), since);
    Ok(Evidence { value_low, ..tally.evidence(now) })
}

/// The rules for rising of a project; none where it has no policy.
pub fn rules(folder: &Path) -> anyhow::Result<Vec<RiseRule>> {
    let path = folder.join("policy.toml");
    if !path.is_file() {
        return Ok(vec![]);
    }
    let policy: Policy = tables::read_toml(&path)?;
    policy.check().with_context(|| format!("{} is no policy", path.display()))?;
    Ok(policy.rise)
}

/// Reads the name of a rung.
pub fn rung(text: &str) -> Result<Autonomy, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "expected one of halted, advise, propose, act_with_veto, act".to_owned())
}

/// Reads the name of an action that something leaves the house by.
pub fn action(text: &str) -> Result<String, String> {
    let names: Vec<&str> = Act::ALL.into_iter().filter(|act| act.sends()).map(Act::name).collect();
    if names.contains(&text) { Ok(text.to_owned()) } else { Err(format!("expected one of {}", names.join(", "))) }
}

/// The name of a rung in files.
pub fn word(autonomy: Autonomy) -> String {
    let value = serde_json::to_value(autonomy).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

async fn opened(folder: &Path) -> anyhow::Result<Ledger> {
    ensure!(folder.is_dir(), "{} is no folder: name a project's", folder.display());
    Ok(Ledger::open(&folder.join(FILE_NAME), super::audit::random).await?)
}

fn field(category: &str, channel: &str, action: &str) -> Field {
    Field { category: category.to_owned(), channel: channel.into(), action: action.to_owned() }
}

fn tell(ladder: &Ladder, field: &Field, console: &Console) -> anyhow::Result<Ending> {
    console.result(&Standing::of(ladder, field), |standing| {
        let because = standing.because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
        format!("{}: {}{because}", standing.field, word(standing.autonomy))
    })?;
    Ok(Ending::Done)
}

impl Step {
    fn named(&self) -> anyhow::Result<(Field, &str, &str)> {
        let (by, reason) = (self.by.trim(), self.reason.trim());
        ensure!(
            !by.is_empty() && !reason.is_empty(),
            "a rung needs a named person and a reason: give --as and --reason"
        );
        Ok((field(&self.category, &self.channel, &self.action), by, reason))
    }
}

impl Standing {
    fn of(ladder: &Ladder, field: &Field) -> Self {
        let rung = ladder.rung(field);
        Self {
            field: field.clone(),
            autonomy: ladder.autonomy(field),
            since: rung.map(|rung| rung.since),
            because: rung.map(|rung| rung.because.clone()),
        }
    }
}

impl Outlook {
    async fn of(
        ledger: &Ledger,
        ladder: &Ladder,
        field: &Field,
        rules: &[RiseRule],
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let evidence = evidence(ledger, ladder, field, now).await?;
        let next = ladder.next(field);
        let short = ladder.raise(field, ("somebody", true), &evidence, rules, now).err();
        Ok(Self {
            standing: Standing::of(ladder, field),
            evidence,
            rule: rules.iter().find(|rule| Some(rule.to) == next).copied(),
            next,
            short: short.map(|why| why.to_string()),
        })
    }

    fn for_people(&self) -> String {
        let Standing { field, autonomy, because, .. } = &self.standing;
        let because = because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
        let next = match (self.next, &self.short) {
            (None, _) => "There is no higher rung.".to_owned(),
            (Some(next), None) => format!("The evidence meets the rule for {}.", word(next)),
            (Some(next), Some(short)) => format!("Not yet {}: {short}.", word(next)),
        };
        format!("{field}: {}{because}\nSince then: {}\n{next}", word(*autonomy), self.evidence)
    }
}
