//! `endcap coefficients`: what people know better than the data, beside what the data say.

use super::test::effect;
use crate::console::{Console, Ending, table};
use crate::judgement;
use anyhow::{Context, bail};
use endcap_adapters::tables::{read_json, write_json};
use endcap_demand::Fitted;
use endcap_demand::coefficients::{self, Applied, Draft, EditRefusal, Entry, State, Store, Target, Version};
use endcap_model::{AsOf, Calendar, EffectKind, LiftModel, SnapshotId};
use jiff::civil::Date;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// List effects that people have edited, edit one, approve or end an edit.
///
/// An estimate is never changed: an edit is used in its place from its approval by somebody else until its day, and
/// survives refits. `fit`, `forecast`, `analyse` and every plan of the project use what is in force on the first day after
/// the history.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap coefficients list shop\n  endcap coefficients edit shop --item 38 --effect own_price --value -2.5 --interval -3.2,-1.8 \\\n    --reason \"test of May\" --author Ada --until 2024-12-31\n  endcap coefficients approve shop 1 --by Grace\n  endcap coefficients expire shop 1 --by Grace --reason \"new pack\"\n\nKeeps coefficients/edits.jsonl, which is only appended to, and coefficients/versions."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List every edit beside what the data say, and the versions that edits were made against.
    #[command(after_help = "Example:\n  endcap coefficients list shop --json")]
    List(Place),
    /// Propose a value to use in place of an estimate.
    #[command(
        after_help = "Example:\n  endcap coefficients edit shop --item 38 --effect own_price --value -2.5 --interval -3.2,-1.8 \\\n    --reason \"test of May\" --author Ada --until 2024-12-31"
    )]
    Edit(Edit),
    /// Approve an edit that somebody else proposed.
    #[command(after_help = "Example:\n  endcap coefficients approve shop 1 --by Grace")]
    Approve(Approve),
    /// End an edit before its day, or turn it down.
    #[command(after_help = "Example:\n  endcap coefficients expire shop 1 --by Grace --reason \"new pack\"")]
    Expire(Expire),
}

/// Where the store and the model are.
#[derive(clap::Args)]
struct Place {
    /// Folder that holds models/model.json and coefficients/.
    folder: PathBuf,
    /// Model that `endcap fit` wrote; FOLDER/models/model.json when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Day that counts as today, such as 2024-06-01. When not given, what is done is dated by the clock (UTC), and edits are
    /// listed as the model uses them: on the first day after its history.
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
}

#[derive(clap::Args)]
struct Edit {
    #[command(flatten)]
    place: Place,
    /// Item that is edited.
    #[arg(long, conflicts_with = "group", required_unless_present = "group")]
    item: Option<String>,
    /// Group of which every item is edited.
    #[arg(long)]
    group: Option<String>,
    /// Effect: own_price, cross_price, feature, display or dip.
    #[arg(long, value_parser = effect)]
    effect: EffectKind,
    /// Value to use.
    #[arg(long, allow_negative_numbers = true)]
    value: f64,
    /// Lower and upper end of its 95 % interval.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_name = "LO,HI")]
    interval: Vec<f64>,
    /// Why you know better than the data.
    #[arg(long)]
    reason: String,
    /// Your name.
    #[arg(long)]
    author: String,
    /// First day on which the edit is no longer used.
    #[arg(long, value_name = "DATE")]
    until: Date,
}

#[derive(clap::Args)]
struct Approve {
    #[command(flatten)]
    place: Place,
    /// Number of the edit.
    edit: u32,
    /// Your name; not that of the author.
    #[arg(long)]
    by: String,
}

#[derive(clap::Args)]
struct Expire {
    #[command(flatten)]
    place: Place,
    /// Number of the edit.
    edit: u32,
    /// Your name.
    #[arg(long)]
    by: String,
    /// Why it ends.
    #[arg(long)]
    reason: String,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    today: Date,
    version: String,
    edits: Vec<Applied>,
    versions: Vec<Provenance>,
}

/// Where a version of the estimates came from.
#[derive(Serialize)]
struct Provenance {
    id: String,
    snapshot: Option<SnapshotId>,
    as_of: Option<AsOf>,
    first_period: String,
    last_period: String,
    code_version: String,
    seed: u64,
}

/// A refusal for programs.
#[derive(Serialize)]
struct Refused<'a> {
    #[serde(flatten)]
    refusal: &'a EditRefusal,
    reason: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.command {
        Command::List(place) => place.open()?.show(console),
        Command::Edit(args) => edit(args, console),
        Command::Approve(args) => {
            args.place.open()?.change(console, |kept, today| kept.approve(args.edit, &args.by, today).cloned())
        }
        Command::Expire(args) => args
            .place
            .open()?
            .change(console, |kept, today| kept.end(args.edit, &args.by, &args.reason, today).cloned()),
    }
}

fn edit(args: &Edit, console: &Console) -> anyhow::Result<Ending> {
    let open = args.place.open()?;
    let [lo95, hi95] = args.interval[..] else {
        bail!("--interval needs two numbers: the lower and the upper end, such as -3.2,-1.8");
    };
    let target = match (&args.item, &args.group) {
        (Some(item), _) => Target::Sku(item.as_str().into()),
        (None, Some(group)) => Target::Group(group.as_str().into()),
        (None, None) => bail!("nothing to edit: name --item or --group"),
    };
    let draft = Draft {
        effect: args.effect,
        target,
        value: args.value,
        lo95,
        hi95,
        reason: args.reason.trim().to_owned(),
        author: args.author.trim().to_owned(),
        made: open.today,
        expires: args.until,
        version: open.version.id.clone(),
    };
    let lift = open.version.lift.clone();
    open.change(console, |kept, _| kept.propose(draft, &lift).cloned())
}

/// A store that was read, with the model of now.
struct Open {
    folder: PathBuf,
    store: Store,
    version: Version,
    /// Day of what people do.
    today: Date,
    /// Day on which edits are judged: that of the history.
    judged: Date,
}

impl Place {
    fn open(&self) -> anyhow::Result<Open> {
        let model = self.model.clone().unwrap_or_else(|| self.folder.join("models").join("model.json"));
        let fitted: Fitted = read_json(&model).context("the model is needed: run `endcap fit` first")?;
        let folder = self.folder.join("coefficients");
        let store = judgement::read_edits(&judgement::edits_of(&self.folder))?;
        let today = self.today.unwrap_or_else(judgement::today);
        let judged = self.today.or_else(|| coefficients::day_of(&fitted.lift)).unwrap_or(today);
        Ok(Open { folder, store, version: Version::of(&fitted.lift), today, judged })
    }
}

impl Open {
    /// Makes a change, keeps its line and the version that it was made against, and shows what follows.
    fn change(
        mut self,
        console: &Console,
        make: impl FnOnce(&mut Store, Date) -> Result<Entry, EditRefusal>,
    ) -> anyhow::Result<Ending> {
        match make(&mut self.store, self.today) {
            Ok(entry) => {
                self.keep(&entry)?;
                self.show(console)
            }
            Err(refusal) => {
                let refused = Refused { refusal: &refusal, reason: refusal.to_string() };
                console.result(&refused, |_| "Nothing was changed.".to_owned())?;
                console.note(format!("refused: {refusal}"));
                Ok(Ending::Refused)
            }
        }
    }

    fn keep(&self, entry: &Entry) -> anyhow::Result<()> {
        let versions = self.folder.join("versions");
        std::fs::create_dir_all(&versions).with_context(|| format!("could not make {}", versions.display()))?;
        let version = versions.join(format!("{}.json", self.version.id));
        if !version.exists() {
            write_json(&version, &self.version)?;
        }
        judgement::append(&self.folder.join("edits.jsonl"), &entry.line())
    }

    fn show(&self, console: &Console) -> anyhow::Result<Ending> {
        let (_, edits) = self.store.apply(&self.version.lift, self.judged);
        let version = self.version.id.clone();
        let summary = Summary { today: self.judged, version, edits, versions: versions(&self.folder)? };
        console.result(&summary, for_people)?;
        Ok(Ending::Done)
    }
}

/// Versions that edits were made against, by name.
fn versions(folder: &Path) -> anyhow::Result<Vec<Provenance>> {
    let folder = folder.join("versions");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.iter().map(|path| Ok(provenance(read_json(path)?))).collect()
}

fn provenance(version: Version) -> Provenance {
    let LiftModel { snapshot, as_of, span, calendar, code_version, seed, .. } = version.lift;
    let name = |period| Calendar::format(calendar, period);
    let (first_period, last_period) = (name(span.start), name(span.end.plus(-1)));
    Provenance { id: version.id, snapshot, as_of, first_period, last_period, code_version, seed }
}

fn for_people(summary: &Summary) -> String {
    if summary.edits.is_empty() {
        return "No effect was edited: all are used as they were estimated.".to_owned();
    }
    let mut rows = table(&["Edit", "Effect", "Of", "Value", "The data say", "Until", "By", "State", "Reason"]);
    for applied in &summary.edits {
        let draft = &applied.edit.draft;
        rows.add_row([
            applied.edit.id.to_string(),
            draft.effect.name().to_owned(),
            draft.target.to_string(),
            format!("{:+.2} ({:+.2} to {:+.2})", draft.value, draft.lo95, draft.hi95),
            the_data_say(applied),
            draft.expires.to_string(),
            draft.author.clone(),
            applied.state.to_string(),
            draft.reason.clone(),
        ]);
    }
    let count = |is: fn(&State) -> bool| summary.edits.iter().filter(|applied| is(&applied.state)).count();
    format!(
        "{rows}\n{} in force, {} waiting for approval, on {}.",
        count(|state| matches!(state, State::InForce { .. })),
        count(|state| *state == State::Waiting),
        summary.today
    )
}

fn the_data_say(applied: &Applied) -> String {
    let items = &applied.items;
    let contradicted = items.iter().filter(|item| item.contradicts).count();
    let text = match &items[..] {
        [] => "the model lists no such item".to_owned(),
        [item] => {
            let estimate = &item.estimated;
            format!("{:+.2} ({:+.2} to {:+.2}), {}", estimate.mean, estimate.lo95, estimate.hi95, estimate.status)
        }
        items => {
            let ends = |pick: fn(f64, f64) -> f64| items.iter().map(|i| i.estimated.mean).reduce(pick).unwrap_or(0.0);
            format!("{:+.2} to {:+.2} over {} items", ends(f64::min), ends(f64::max), items.len())
        }
    };
    if contradicted > 0 { format!("{text}; {contradicted} contradict the edit") } else { text }
}
