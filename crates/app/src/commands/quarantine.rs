//! `endcap quarantine`: rows that cannot be believed or read, alarms, and what people answer to them.

use crate::alarms;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_adapters::quarantine;
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_ingest::doubt::{Alarm, Answer, Answers, CAUSES, Verdict};
use endcap_model::{Calendar, FactKind, Period, SetAside};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Show what the last load set aside and what alarms it gave; release what is right, confirm what is wrong.
///
/// Until somebody answers, nothing of an item leaves for a place about which rows wait. What is released is a fact with the
/// next `endcap ingest`; what is confirmed stays out, and the item can be acted on without it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap quarantine show shop
  endcap quarantine show shop --cause \"too many\" --rows
  endcap quarantine release shop --sku 4711 --place berlin --as Ada --reason \"a wedding\"
  endcap quarantine confirm shop --cause replayed --as Ada --reason \"the till sent the day twice\"
  endcap quarantine release shop --alarm \"store 4\" --as Ada --reason \"shut for repairs\"

Exit status: 0 done, 1 nothing fits (or cannot be released), 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show rows by cause and source, and alarms.
    Show(Show),
    /// Say that rows or an alarm are right: they are facts with the next load.
    Release(Say),
    /// Say that rows are wrong: they stay out, and items can be acted on without them.
    Confirm(Say),
}

/// Which rows.
#[derive(clap::Args)]
struct Which {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Rows with this cause.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Rows of this source.
    #[arg(long, value_name = "FILE")]
    source: Option<String>,
    /// Rows about this item.
    #[arg(long, value_name = "SKU")]
    sku: Option<String>,
    /// Rows about this place.
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// Rows of this period and later ones.
    #[arg(long, value_name = "PERIOD")]
    from: Option<String>,
    /// Rows of this period and earlier ones.
    #[arg(long, value_name = "PERIOD")]
    until: Option<String>,
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    which: Which,
    /// List the rows one by one.
    #[arg(long)]
    rows: bool,
}

#[derive(clap::Args)]
struct Say {
    #[command(flatten)]
    which: Which,
    /// The alarm about this place, region or source, in place of rows.
    #[arg(long, value_name = "SCOPE", conflicts_with_all = ["cause", "source", "sku", "place", "from", "until"])]
    alarm: Option<String>,
    /// Who says so.
    #[arg(long = "as", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A row with what was answered to it.
#[derive(Serialize)]
struct Row {
    kind: FactKind,
    #[serde(flatten)]
    row: SetAside,
    answer: Option<Verdict>,
}

/// Rows of one cause and source.
#[derive(Serialize)]
struct Group {
    kind: FactKind,
    cause: String,
    source: String,
    rows: usize,
    /// Of these, those that nobody has answered.
    open: usize,
    items: usize,
    places: usize,
    first: Option<String>,
    last: Option<String>,
    example: String,
}

/// What was set aside, for programs.
#[derive(Serialize)]
struct Shown {
    snapshot: String,
    groups: Vec<Group>,
    alarms: Vec<Alarm>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Said {
    answered: usize,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::Show(args) => show(args, console),
        What::Release(args) => say(args, Verdict::Released, console),
        What::Confirm(args) => say(args, Verdict::Confirmed, console),
    }
}

fn show(args: &Show, console: &Console) -> anyhow::Result<Ending> {
    let (snapshot, rows) = args.which.rows()?;
    let groups = groups(&rows);
    let alarms = snapshot.alarms.clone();
    let shown =
        Shown { snapshot: snapshot.id.to_string(), groups, alarms, rows: if args.rows { rows } else { vec![] } };
    console.result(&shown, |shown| for_people(shown, &alarms::told(&snapshot)))?;
    Ok(Ending::Done)
}

fn say(args: &Say, verdict: Verdict, console: &Console) -> anyhow::Result<Ending> {
    let (by, reason) = (args.by.trim(), args.reason.trim());
    ensure!(
        !by.is_empty() && !reason.is_empty(),
        "an answer needs a named person and a reason: give --as and --reason"
    );
    let now = Timestamp::now();
    let answer =
        |key: String| Answer { verdict, key, by: by.to_owned(), at: now.to_string(), reason: reason.to_owned() };
    let (answers, about) = match &args.alarm {
        Some(scope) => {
            let snapshot = Store::open(&args.which.folder)?.require(None)?;
            let alarms = snapshot.alarms.iter().filter(|alarm| alarm.scope == *scope);
            let answers: Vec<Answer> = alarms.map(|alarm| answer(Answers::key_of(alarm))).collect();
            (answers, format!("alarm about {scope}"))
        }
        None => {
            args.which.must_name_something()?;
            let (_, rows) = args.which.rows()?;
            let fits = |row: &&Row| {
                row.answer != Some(verdict)
                    && (verdict == Verdict::Confirmed || CAUSES.contains(&row.row.cause.as_str()))
            };
            let rows: Vec<&Row> = rows.iter().filter(fits).collect();
            let causes: BTreeSet<&str> = rows.iter().map(|row| row.row.cause.as_str()).collect();
            let about = format!("{} rows: {}", rows.len(), causes.into_iter().collect::<Vec<_>>().join(", "));
            (rows.iter().map(|row| answer(row.row.key(row.kind))).collect(), about)
        }
    };
    if answers.is_empty() {
        let why =
            "Nothing fits that waits for such an answer; rows that cannot be read are mended where they come from.";
        console.result(&Said { answered: 0 }, |_| why.to_owned())?;
        return Ok(Ending::Refused);
    }
    record(&args.which.folder, verdict, &about, (by, reason), now)?;
    quarantine::answer(&args.which.folder, &answers)?;
    let next = match verdict {
        Verdict::Released => "they count with the next `endcap ingest`",
        Verdict::Confirmed => "they stay out",
    };
    console.result(&Said { answered: answers.len() }, |_| format!("{about}: answered; {next}."))?;
    Ok(Ending::Done)
}

/// Tells the audit trail before the answer holds.
fn record(
    folder: &std::path::Path,
    verdict: Verdict,
    about: &str,
    (by, reason): (&str, &str),
    now: Timestamp,
) -> anyhow::Result<()> {
    let action = match verdict {
        Verdict::Released => "quarantine released",
        Verdict::Confirmed => "quarantine confirmed",
    };
    let mut entry = Entry::new(Told::personal(by), action, Told::open(about), Ruling::Allowed);
    entry.reasons = vec![Told::personal(reason)];
    super::serve::runtime()?.block_on(async {
        let ledger = Ledger::open(&folder.join(FILE_NAME), super::audit::random).await?;
        ledger.record(now, entry).await?;
        ledger.close().await;
        anyhow::Ok(())
    })
}

impl Which {
    fn must_name_something(&self) -> anyhow::Result<()> {
        let named = [&self.cause, &self.source, &self.sku, &self.place, &self.from, &self.until];
        ensure!(
            named.iter().any(|given| given.is_some()),
            "an answer to every row at once is none: name some by --cause, --source, --sku, --place, --from or --until"
        );
        Ok(())
    }

    /// The rows of the last load that fit.
    fn rows(&self) -> anyhow::Result<(Snapshot, Vec<Row>)> {
        let snapshot = Store::open(&self.folder)?.require(None)?;
        let calendar = snapshot.calendar;
        let bound = |given: &Option<String>, name: &str| {
            let period = given.as_deref().map(|text| calendar.parse(text)).transpose();
            period.with_context(|| format!("--{name}"))
        };
        let (from, until) = (bound(&self.from, "from")?, bound(&self.until, "until")?);
        let answers = quarantine::answers(&self.folder)?;
        let answers = Answers::new(&answers);
        let same = |given: &Option<String>, found: Option<&String>| given.is_none() || given.as_ref() == found;
        let rows = quarantine::rows(&self.folder, &snapshot)?.into_iter().filter(|(_, row)| {
            same(&self.cause, Some(&row.cause))
                && same(&self.source, Some(&row.source))
                && same(&self.sku, row.sku.as_ref())
                && same(&self.place, row.place.as_ref())
                && within(calendar, row, from, until)
        });
        let row = |(kind, row): (FactKind, SetAside)| Row { kind, answer: answers.of(&row.key(kind)), row };
        Ok((snapshot, rows.map(row).collect()))
    }
}

fn within(calendar: Calendar, row: &SetAside, from: Option<Period>, until: Option<Period>) -> bool {
    if from.is_none() && until.is_none() {
        return true;
    }
    let period = row.period.as_ref().and_then(|text| calendar.parse(text).ok());
    period.is_some_and(|at| from.is_none_or(|from| from <= at) && until.is_none_or(|until| at <= until))
}

fn groups(rows: &[Row]) -> Vec<Group> {
    let mut by: BTreeMap<(FactKind, &str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by.entry((row.kind, &row.row.cause, &row.row.source)).or_default().push(row);
    }
    let group = |((kind, cause, source), rows): ((FactKind, &str, &str), Vec<&Row>)| {
        let distinct = |of: fn(&SetAside) -> &Option<String>| {
            rows.iter().filter_map(|row| of(&row.row).as_ref()).collect::<BTreeSet<_>>()
        };
        let periods = distinct(|row| &row.period);
        Group {
            kind,
            cause: cause.to_owned(),
            source: source.to_owned(),
            rows: rows.len(),
            open: rows.iter().filter(|row| row.answer.is_none()).count(),
            items: distinct(|row| &row.sku).len(),
            places: distinct(|row| &row.place).len(),
            first: periods.first().map(|period| (*period).clone()),
            last: periods.last().map(|period| (*period).clone()),
            example: format!("row {}: {}", rows[0].row.row, rows[0].row.reason),
        }
    };
    by.into_iter().map(group).collect()
}

fn for_people(shown: &Shown, alarms: &[String]) -> String {
    let mut text = String::new();
    if shown.groups.is_empty() {
        text += "No row of the last load fits.";
    } else {
        let mut rows =
            table(&["facts", "cause", "source", "rows", "open", "items", "places", "from", "until", "such as"]);
        for group in &shown.groups {
            let counts = [group.rows, group.open, group.items, group.places].map(|count| count.to_string());
            let span = [&group.first, &group.last].map(|period| period.clone().unwrap_or_default());
            let head = vec![group.kind.to_string(), group.cause.clone(), group.source.clone()];
            rows.add_row([head, counts.to_vec(), span.to_vec(), vec![group.example.clone()]].concat());
        }
        text += &rows.to_string();
    }
    if !shown.rows.is_empty() {
        let mut rows = table(&["source", "row", "item", "place", "period", "value", "reason", "answer"]);
        for Row { row, answer, .. } in &shown.rows {
            let told = |text: &Option<String>| text.clone().unwrap_or_default();
            let answer = answer.map_or("", |answer| if answer == Verdict::Released { "released" } else { "confirmed" });
            rows.add_row([
                row.source.clone(),
                row.row.to_string(),
                told(&row.sku),
                told(&row.place),
                told(&row.period),
                row.value.clone(),
                row.reason.clone(),
                answer.to_owned(),
            ]);
        }
        text += &format!("\n{rows}");
    }
    alarms.iter().for_each(|alarm| text += &format!("\nAlarm: {alarm}."));
    text
}
