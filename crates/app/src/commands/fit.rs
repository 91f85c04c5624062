//! `endcap fit`: from a history to effects by item, past promotions split by cause, and the model.

use crate::console::{Console, Ending, table};
use crate::judgement::{EditArgs, in_words};
use crate::project::CODE_VERSION;
use crate::report;
use anyhow::{Context, bail};
use endcap_adapters::facts::{SourceCounts, Store};
use endcap_adapters::ledger::AuditedJournal;
use endcap_adapters::sift::SetAside;
use endcap_adapters::tables::{self, Column};
use endcap_agent::jobs::model_name;
use endcap_agent::learn::registered;
use endcap_agent::ports::{FactStore, Journal};
use endcap_agent::registry::Registry;
use endcap_demand::coefficients::Applied;
use endcap_demand::funnel::{FunnelEstimate, FunnelRow, estimate_funnel};
use endcap_demand::online::Start;
use endcap_demand::{
    Anticipation, BeforePromotions, EffectChange, FitSettings, Fitted, HaloLink, ModelCard, PriceAdvice, PriceMemory,
    PromotionEvent, Reconcile, SecondOpinion, SourceRows, Split, changes, model_card, price_advice, second_opinion,
};
use endcap_model::{
    AsOf, Calendar, EffectKind, EffectStatus, Estimate, Event, Panel, Response, Sku, SnapshotId, canonical_json,
    hash_bytes,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Estimate how demand answers to price, advert, display, substitutes and its own past.
///
/// Reads a panel (one row per item, place and period) or the latest facts of a project. Edits of `endcap coefficients` stand
/// beside the estimates; the model keeps what the data say.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap fit --panel history.parquet --controls holiday,temperature --out effects\n  endcap fit shop --json\n\nWrites effects.csv, events.csv, model.json, online.json for `endcap update`, and the model card as model-card.json and model-card.html, a page that needs no network."
)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    edits: EditArgs,
    /// Folder to write to; FOLDER/models for a project, else the current one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed that is kept with the model.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ask double machine learning for a second opinion on every elasticity; takes much of the fit's time again.
    #[arg(long)]
    second_opinion: bool,
    /// Visits by place and period, for what spend and discounts do to them: place_id, period, visits, receipts, units,
    /// spend, and discount (a share of the price) if there is one.
    #[arg(long, value_name = "FILE")]
    funnel: Option<PathBuf>,
}

/// Where a history comes from: a panel file or a project.
#[derive(clap::Args)]
pub struct Source {
    /// The project's folder, when no panel is given.
    #[arg(conflicts_with = "panel")]
    pub folder: Option<PathBuf>,
    /// The panel: CSV or Parquet with unit_id, place_id, period, units, price, base_price, and if there are any feature,
    /// display, stockout_share, group_id, tier_id, region_id, mechanic, competitor_price, cluster_id.
    #[arg(long, value_name = "FILE")]
    pub panel: Option<PathBuf>,
    /// Further numeric columns that demand may follow, such as holiday,temperature.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", requires = "panel")]
    pub controls: Vec<String>,
}

/// A history with where it came from.
pub struct History {
    /// The panel.
    pub panel: Panel,
    /// Snapshot of the project's facts.
    pub snapshot: Option<SnapshotId>,
    /// When the facts were known.
    pub as_of: Option<AsOf>,
    /// Rows read and set aside by source; empty for a panel file.
    pub sources: Vec<SourceRows>,
    /// Rows of a panel file that cannot be used.
    pub set_aside: Vec<SetAside>,
}

/// Rows that were set aside and are told one by one.
const TOLD: usize = 5;

/// Says on standard error which rows of a file were set aside, and why.
pub(super) fn tell_set_aside(path: &Path, rows: &[SetAside]) {
    for aside in rows.iter().take(TOLD) {
        eprintln!("set aside: {} {aside}", path.display());
    }
    if rows.len() > TOLD {
        eprintln!("set aside: {} more rows of {}, listed by --json", rows.len() - TOLD, path.display());
    }
}

impl Source {
    /// Reads the history.
    pub fn read(&self) -> anyhow::Result<History> {
        if let Some(path) = &self.panel {
            let (panel, set_aside) = tables::read_usable_panel(path, &self.controls)?;
            tell_set_aside(path, &set_aside);
            return Ok(History { panel, snapshot: None, as_of: None, sources: vec![], set_aside });
        }
        let folder = self.project()?;
        let store = Store::open(folder)?;
        let latest = store
            .latest(None)?
            .with_context(|| format!("{} has no facts yet: run `endcap ingest {0}` first", folder.display()))?;
        let panel = FactStore::panel(&store, &latest.id)?;
        let as_of = store.as_of(&latest.id)?;
        let sources = latest.sources().into_iter().map(|(kind, of)| source_rows(&kind.to_string(), of)).collect();
        Ok(History { panel, snapshot: Some(latest.id.clone()), as_of: Some(as_of), sources, set_aside: vec![] })
    }

    /// Returns the folder that results go to when none is named.
    pub fn usual_out(&self) -> PathBuf {
        self.folder.as_ref().map_or_else(|| PathBuf::from("."), |folder| folder.join("models"))
    }

    fn project(&self) -> anyhow::Result<&Path> {
        match &self.folder {
            Some(folder) => Ok(folder),
            None => bail!("no history: give a panel (--panel FILE) or a project's folder"),
        }
    }
}

fn source_rows(kind: &str, of: &SourceCounts) -> SourceRows {
    SourceRows {
        source: format!("{kind} from {}", of.source),
        read: of.counts.read,
        loaded: of.counts.loaded,
        set_aside: of.counts.set_aside,
        duplicates: of.counts.duplicates,
    }
}

impl History {
    /// Estimates everything from this history, with a progress bar.
    pub fn fit(&self, seed: u64, console: &Console) -> anyhow::Result<Fitted> {
        self.fit_to(seed, Reconcile::default(), console)
    }

    /// Estimates everything for a way to bring forecasts of sums and of their cells together.
    pub fn fit_to(&self, seed: u64, reconcile: Reconcile, console: &Console) -> anyhow::Result<Fitted> {
        let settings = FitSettings {
            snapshot: self.snapshot.clone(),
            as_of: self.as_of,
            code_version: CODE_VERSION.to_owned(),
            seed,
            reconcile,
        };
        let bar = console.progress("Effects", 1);
        let fitted = endcap_demand::fit(&self.panel, &settings, &|done, all| {
            bar.set_length(all as u64);
            bar.set_position(bar.position().max(done as u64));
        });
        bar.finish_and_clear();
        fitted.context("nothing could be estimated")
    }
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    first_period: String,
    last_period: String,
    items: usize,
    rows: usize,
    dip_carry: f64,
    effects: Vec<EffectRow>,
    events: EventTotals,
    /// What stands against deeper cuts, by item.
    advice: Vec<Advice>,
    /// What sales do in the period before a promotion: a test of nothing.
    anticipation: Option<Anticipation>,
    /// Remembered prices, where they wear promotions out.
    price_memory: Option<PriceMemory>,
    /// Groups whose promotions seem to move others and only share their weeks.
    halo_refused: Vec<HaloLink>,
    /// Effects that are seen otherwise than in the model that was there.
    changes: Vec<EffectChange>,
    /// What double machine learning says, where it was asked.
    second_opinion: Vec<SecondOpinion>,
    funnel: Option<FunnelEstimate>,
    /// Edits of effects beside what the data say.
    edits: Vec<Applied>,
    /// Rows of a panel file that cannot be used.
    set_aside: Vec<SetAside>,
    files: Vec<PathBuf>,
}

/// Changed effects that are listed for people; programs get all.
const CHANGES_SHOWN: usize = 5;

/// What stands against a deeper cut of one item.
#[derive(Serialize)]
struct Advice {
    unit_id: String,
    advice: PriceAdvice,
    text: String,
}

/// A row of effects.csv.
#[derive(Serialize)]
pub(super) struct EffectRow {
    unit_id: String,
    effect: &'static str,
    partner_id: String,
    estimate: f64,
    se: f64,
    lo95: f64,
    hi95: f64,
    n_periods_promoted: usize,
    status: &'static str,
    reason: String,
    /// What places that did not run a promotion say of demand that only the planner saw.
    unseen_demand: &'static str,
    sensitivity_lo95: Option<f64>,
    sensitivity_hi95: Option<f64>,
    overturned_by: Option<f64>,
    /// What is used: the estimate, or the edit in force.
    used: f64,
    used_lo95: f64,
    used_hi95: f64,
    edit_id: Option<u32>,
}

/// Sums over all past promotions.
#[derive(Serialize)]
struct EventTotals {
    events: usize,
    own: f64,
    cannibalised: f64,
    pulled_forward: f64,
    /// Over the events whose group others were seen to follow.
    halo: f64,
    net: f64,
    /// What is usually reported, over the events that have a period before them.
    naive: f64,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let history = args.source.read()?;
    let fitted = history.fit(args.seed, console)?;
    let (used, edits) = args.edits.apply(&fitted, args.source.folder.as_deref())?;
    let events = endcap_demand::events(&used, &history.panel);
    let card = model_card(&fitted, &used, &history.panel, &edits, &history.sources);
    let in_use = in_use(&edits);
    let mut effects: Vec<EffectRow> =
        fitted.lift.responses.iter().zip(&used.lift.responses).flat_map(|both| effect_rows(both, &in_use)).collect();
    let second_opinion = if args.second_opinion {
        second_opinion(&fitted.lift, &history.panel).unwrap_or_else(|refusal| {
            console.note(format!("no second opinion: {refusal}"));
            Vec::new()
        })
    } else {
        Vec::new()
    };
    note_disagreement(&mut effects, &second_opinion);
    let out = args.out.clone().unwrap_or_else(|| args.source.usual_out());
    let before: Option<Fitted> = tables::read_json(&out.join("model.json")).ok();
    let start = Start::of(&fitted, &history.panel)?;
    let mut files = write(&out, (&fitted, &start), &effects, &events, &card)?;
    if let (Some(folder), Some(_)) = (&args.source.folder, &history.snapshot) {
        files.push(register(folder, &fitted, &history, console)?);
    }
    let calendar = fitted.lift.calendar;
    let summary = Summary {
        first_period: calendar.format(fitted.lift.span.start),
        last_period: calendar.format(fitted.lift.span.end.plus(-1)),
        items: fitted.lift.responses.len(),
        rows: history.panel.len(),
        dip_carry: fitted.lift.dip_carry,
        effects,
        events: totals(&events),
        advice: fitted.lift.responses.iter().filter_map(advice).collect(),
        anticipation: fitted.anticipation,
        price_memory: fitted.frame.further.memory,
        halo_refused: fitted.frame.further.halo_refused.clone(),
        changes: before.map_or_else(Vec::new, |before| changes(&before.lift, &fitted.lift)),
        second_opinion,
        funnel: args.funnel.as_deref().map(|path| funnel(path, calendar)).transpose()?,
        edits,
        set_aside: history.set_aside,
        files,
    };
    console.result(&summary, show)?;
    Ok(Ending::Done)
}

/// Keeps a project's model under its name and puts it into the registry, as a challenger that the gate has still to judge.
fn register(folder: &Path, fitted: &Fitted, history: &History, console: &Console) -> anyhow::Result<PathBuf> {
    let text = canonical_json(fitted);
    let model = hash_bytes(text.as_bytes());
    let file = folder.join(model_name(&model));
    tables::write_atomic(&file, text.as_bytes())?;
    let mut journal = AuditedJournal::open(folder, jiff::Timestamp::now, super::audit::random)?;
    let models = Registry::of(&journal.read()?);
    if models.entry(&model).is_none() {
        let parent = models.champion().map(|champion| champion.made.model.clone());
        let entry = registered(model.clone(), fitted, &history.panel, ("endcap fit", parent), None);
        journal.append(&Event::Registered { entry: Box::new(entry) })?;
        console.note(format!("registered: model {} is a challenger until the gate lets it pass", model.short()));
    }
    Ok(file)
}

fn advice(response: &Response) -> Option<Advice> {
    let advice = price_advice(response)?;
    Some(Advice { unit_id: response.sku.to_string(), advice, text: advice.to_string() })
}

/// Writes beside each elasticity that double machine learning sees otherwise what it says.
fn note_disagreement(effects: &mut [EffectRow], opinions: &[SecondOpinion]) {
    for opinion in opinions.iter().filter(|opinion| opinion.disagrees) {
        let own =
            |row: &&mut EffectRow| row.effect == EffectKind::OwnPrice.name() && row.unit_id == opinion.sku.as_str();
        if let Some(row) = effects.iter_mut().find(own) {
            let joint = if row.reason.is_empty() { "" } else { "; " };
            row.reason.push_str(&format!("{joint}{opinion}"));
        }
    }
}

/// Reads visits by place and period and estimates what spend and discounts do to them.
fn funnel(path: &Path, calendar: Calendar) -> anyhow::Result<FunnelEstimate> {
    let table = tables::read_table(path)?;
    let periods = table.periods_of("period", calendar)?;
    let places = table.text("place_id")?;
    let numbers: BTreeMap<&str, u32> = places.iter().map(|place| (place.as_str(), 0)).collect();
    let numbers: BTreeMap<&str, u32> = numbers.into_keys().zip(0..).collect();
    let column = |name: &str| table.numbers(name);
    let (visits, receipts, units, spend) = (column("visits")?, column("receipts")?, column("units")?, column("spend")?);
    let discount = if table.has("discount") { column("discount")? } else { vec![0.0; table.len()] };
    let row = |at: usize| FunnelRow {
        place: numbers[places[at].as_str()],
        period: periods[at].0,
        visits: visits[at],
        receipts: receipts[at],
        units: units[at],
        spend: spend[at],
        discount: discount[at],
    };
    let rows: Vec<FunnelRow> = (0..table.len()).map(row).collect();
    let year = match calendar {
        Calendar::Day => Some(365.25),
        Calendar::Week => Some(52.18),
        Calendar::Index => None,
    };
    estimate_funnel(&rows, year).with_context(|| format!("{} says nothing of visits", path.display()))
}

/// Rows of one item: its effects, the cross effect on all substitutes together without a partner, then one by one.
pub(super) fn effect_rows<'a>(
    (estimated, used): (&'a Response, &'a Response),
    in_use: &'a BTreeMap<(EffectKind, &Sku), u32>,
) -> impl Iterator<Item = EffectRow> + 'a {
    let effects = EffectKind::ALL.into_iter().map(move |kind| {
        let edit = in_use.get(&(kind, &estimated.sku)).copied();
        effect_row(estimated, kind.name(), "", estimated.effect(kind), (used.effect(kind), edit))
    });
    let alone =
        |effect, of: &'a str, estimate: &'a Estimate| effect_row(estimated, effect, of, estimate, (estimate, None));
    let cross = EffectKind::CrossPrice.name();
    let partners = estimated.partners.iter().map(move |p| alone(cross, p.partner.as_str(), &p.effect));
    let further = estimated.further.effects.iter().map(move |f| alone(f.kind.name(), &f.of, &f.effect));
    effects.chain(partners).chain(further)
}

/// Number of the edit that is used, by effect and item.
pub(super) fn in_use(edits: &[Applied]) -> BTreeMap<(EffectKind, &Sku), u32> {
    let of = |applied: &'_ Applied| (applied.edit.draft.effect, applied.edit.id);
    let used = edits.iter().flat_map(|applied| applied.items.iter().map(move |item| (of(applied), item)));
    used.filter(|(_, item)| item.in_use).map(|((effect, id), item)| ((effect, &item.sku), id)).collect()
}

fn effect_row(
    response: &Response,
    effect: &'static str,
    partner: &str,
    estimate: &Estimate,
    (used, edit_id): (&Estimate, Option<u32>),
) -> EffectRow {
    let (status, reason) = match &estimate.status {
        EffectStatus::Estimated => ("estimated", ""),
        EffectStatus::Borrowed(reason) => ("borrowed", reason.as_str()),
        EffectStatus::NotIdentified(reason) => ("not_identified", reason.as_str()),
    };
    let sensitivity = estimate.sensitivity;
    EffectRow {
        unit_id: response.sku.to_string(),
        effect,
        partner_id: partner.to_owned(),
        estimate: estimate.mean,
        se: estimate.se,
        lo95: estimate.lo95,
        hi95: estimate.hi95,
        n_periods_promoted: estimate.periods_promoted,
        status,
        reason: reason.to_owned(),
        unseen_demand: sensitivity.map_or("", |s| s.unseen.name()),
        sensitivity_lo95: sensitivity.map(|s| s.lo95),
        sensitivity_hi95: sensitivity.map(|s| s.hi95),
        overturned_by: sensitivity.and_then(|s| s.overturned_by),
        used: used.mean,
        used_lo95: used.lo95,
        used_hi95: used.hi95,
        edit_id,
    }
}

fn totals(events: &[PromotionEvent]) -> EventTotals {
    let sum = |of: fn(&PromotionEvent) -> f64| events.iter().map(of).sum();
    EventTotals {
        events: events.len(),
        own: sum(|event| event.own.units),
        cannibalised: sum(|event| event.cannibalised.units),
        pulled_forward: sum(|event| event.pulled_forward.units),
        halo: sum(|event| event.halo.map_or(0.0, |halo| halo.units)),
        net: sum(|event| event.net.units),
        naive: sum(|event| event.naive.unwrap_or(0.0)),
    }
}

fn write(
    out: &Path,
    (fitted, start): (&Fitted, &Start),
    effects: &[EffectRow],
    events: &[PromotionEvent],
    card: &ModelCard,
) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make the folder {}", out.display()))?;
    let files = ["effects.csv", "events.csv", "model.json", "online.json", "model-card.json", "model-card.html"];
    let files = files.map(|name| out.join(name));
    tables::write_csv(&files[0], &effect_columns(effects))?;
    tables::write_csv(&files[1], &event_columns(events, fitted.lift.calendar))?;
    tables::write_json(&files[2], fitted)?;
    tables::write_atomic(&files[3], &serde_json::to_vec(start)?)?;
    tables::write_json(&files[4], card)?;
    tables::write_atomic(&files[5], report::card(card)?.as_bytes())?;
    Ok(files.into())
}

/// Columns of effects.csv.
pub(super) fn effect_columns(rows: &[EffectRow]) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&EffectRow) -> String| Column::Text(rows.iter().map(of).collect());
    let number = |of: &dyn Fn(&EffectRow) -> f64| Column::Number(rows.iter().map(of).collect());
    vec![
        ("unit_id", text(&|row| row.unit_id.clone())),
        ("effect", text(&|row| row.effect.to_owned())),
        ("partner_id", text(&|row| row.partner_id.clone())),
        ("estimate", number(&|row| row.estimate)),
        ("se", number(&|row| row.se)),
        ("lo95", number(&|row| row.lo95)),
        ("hi95", number(&|row| row.hi95)),
        ("n_periods_promoted", Column::Whole(rows.iter().map(|row| row.n_periods_promoted as i64).collect())),
        ("status", text(&|row| row.status.to_owned())),
        ("reason", text(&|row| row.reason.clone())),
        ("unseen_demand", text(&|row| row.unseen_demand.to_owned())),
        ("sensitivity_lo95", number(&|row| row.sensitivity_lo95.unwrap_or(f64::NAN))),
        ("sensitivity_hi95", number(&|row| row.sensitivity_hi95.unwrap_or(f64::NAN))),
        ("overturned_by", number(&|row| row.overturned_by.unwrap_or(f64::NAN))),
        ("used", number(&|row| row.used)),
        ("used_lo95", number(&|row| row.used_lo95)),
        ("used_hi95", number(&|row| row.used_hi95)),
        ("edit_id", text(&|row| row.edit_id.map_or_else(String::new, |id| id.to_string()))),
    ]
}

fn event_columns(events: &[PromotionEvent], calendar: Calendar) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&PromotionEvent) -> String| Column::Text(events.iter().map(of).collect());
    let number = |of: &dyn Fn(&PromotionEvent) -> f64| Column::Number(events.iter().map(of).collect());
    let mut columns = vec![
        ("unit_id", text(&|event| event.sku.to_string())),
        ("region_id", text(&|event| event.region.clone())),
        ("first_period", text(&|event| calendar.format(event.span.start))),
        ("last_period", text(&|event| calendar.format(event.span.end.plus(-1)))),
        ("depth", number(&|event| event.depth.share())),
        ("places", Column::Whole(events.iter().map(|event| event.places as i64).collect())),
        ("baseline", number(&|event| event.baseline)),
    ];
    type Part = (&'static str, &'static str, &'static str, fn(&PromotionEvent) -> Option<Split>);
    let parts: [Part; 5] = [
        ("own", "own_lo95", "own_hi95", |event| Some(event.own)),
        ("cannibalised", "cannibalised_lo95", "cannibalised_hi95", |event| Some(event.cannibalised)),
        ("pulled_forward", "pulled_forward_lo95", "pulled_forward_hi95", |event| Some(event.pulled_forward)),
        ("halo", "halo_lo95", "halo_hi95", |event| event.halo),
        ("net", "net_lo95", "net_hi95", |event| Some(event.net)),
    ];
    for (name, lo95, hi95, of) in parts {
        let end = |pick: fn(Split) -> f64| number(&|event| of(event).map_or(f64::NAN, pick));
        columns.push((name, end(|split| split.units)));
        columns.push((lo95, end(|split| split.lo95)));
        columns.push((hi95, end(|split| split.hi95)));
    }
    columns.push(("naive", number(&|event| event.naive.unwrap_or(f64::NAN))));
    columns
}

fn show(summary: &Summary) -> String {
    let mut effects = table(&["Effect", "Median", "Middle half", "Own data", "Borrowed", "Not identified"]);
    let kinds = EffectKind::ALL.map(|kind| (kind.name(), ""));
    let others = summary.effects.iter().filter(|row| !kinds.iter().any(|(name, _)| *name == row.effect));
    let others: BTreeSet<(&str, &str)> = others.map(|row| (row.effect, row.partner_id.as_str())).collect();
    for (kind, of) in kinds.into_iter().chain(others) {
        let same = |row: &&EffectRow| row.effect == kind && row.partner_id == of;
        let of_kind: Vec<&EffectRow> = summary.effects.iter().filter(same).collect();
        let count = |status: &str| of_kind.iter().filter(|row| row.status == status).count().to_string();
        let mut values: Vec<f64> = of_kind.iter().map(|row| row.estimate).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get((share * values.len() as f64) as usize).copied().unwrap_or(0.0);
        effects.add_row([
            format!("{} {of}", kind.replace('_', " ")).trim_end().to_owned(),
            format!("{:+.2}", at(0.5)),
            format!("{:+.2} to {:+.2}", at(0.25), at(0.75)),
            count("estimated"),
            count("borrowed"),
            count("not_identified"),
        ]);
    }
    let EventTotals { events, own, cannibalised, pulled_forward, halo, net, naive } = summary.events;
    let mut split = table(&["Past promotions", "Own", "Cannibalised", "Pulled forward", "Halo", "Net", "Usual report"]);
    // A sum of nothing is -0.
    let units = |value: f64| format!("{:.0}", value.round() + 0.0);
    split.add_row([
        events.to_string(),
        units(own),
        units(cannibalised),
        units(pulled_forward),
        units(halo),
        units(net),
        units(naive),
    ]);
    let files: Vec<String> = summary.files.iter().map(|file| file.display().to_string()).collect();
    let edits = in_words(&summary.edits).map_or_else(String::new, |words| format!("\n{words}\n"));
    format!(
        "{} items, {} rows, {} to {}\n\nLog units per unit of cause:\n{effects}\n{edits}\nUnits that past promotions brought:\n{split}\n{}\nWritten: {}",
        summary.items,
        summary.rows,
        summary.first_period,
        summary.last_period,
        remarks(summary).iter().map(|remark| format!("\n{remark}")).collect::<String>(),
        files.join(", ")
    )
}

/// What else a person should know before deciding on these numbers.
fn remarks(summary: &Summary) -> Vec<String> {
    let mut remarks = Vec::new();
    for kind in [PriceAdvice::NeverUndiscounted, PriceAdvice::PriceDoesNotMove] {
        let items: Vec<&str> =
            summary.advice.iter().filter(|a| a.advice == kind).map(|advice| advice.unit_id.as_str()).collect();
        if let Some(first) = items.first() {
            let more = if items.len() > 1 { format!(" and {} more", items.len() - 1) } else { String::new() };
            remarks.push(format!("{first}{more}: {kind}"));
        }
    }
    if let Some(before) = &summary.anticipation {
        let told = match before.verdict {
            BeforePromotions::Nothing | BeforePromotions::NotTestable => None,
            BeforePromotions::Fewer => Some("shoppers wait for promotions, or promotions are set when demand weakens"),
            BeforePromotions::More => Some("promotions follow demand that no column holds: effects are too large"),
        };
        let told = told.map(|told| format!("Sales move before promotions ({:+.2} of the lift): {told}", before.mean));
        remarks.extend(told);
    }
    if summary.price_memory.is_some() {
        remarks.push("Repeated discounts wear out: see reference_price and wear_out".to_owned());
    }
    for HaloLink { from, to } in &summary.halo_refused {
        remarks.push(format!(
            "{to} seems to follow promotions of {from}, but so does what other groups sell in the same weeks: no halo is \
             taken. A column with holidays or other events (--controls) would tell"
        ));
    }
    let disagree = summary.second_opinion.iter().filter(|opinion| opinion.disagrees).count();
    if !summary.second_opinion.is_empty() {
        let asked = summary.second_opinion.len();
        remarks
            .push(format!("Double machine learning sees {disagree} of {asked} elasticities outside their intervals"));
    }
    for change in summary.changes.iter().take(CHANGES_SHOWN) {
        let (was, is) = (change.before.mean, change.after.mean);
        remarks.push(format!("{} {}: {was:+.2} -> {is:+.2}, {}", change.sku, change.effect.name(), change.why));
    }
    remarks
}
