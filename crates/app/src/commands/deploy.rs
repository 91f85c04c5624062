//! `endcap deploy`: what an approved plan asks of each channel is decided, and waits to be sent.

use crate::acting::Footing;
use crate::commands::ground::Terms;
use crate::console::{Console, Ending, table};
use crate::staging::{rollout_of, waits_of};
use anyhow::Context;
use endcap_adapters::{channels, conditions};
use endcap_agent::deploy::{self, LeftOut, deploy, offer_name};
use endcap_agent::launch::Conditions;
use endcap_agent::outbox::{Everything, Message, Revision, Stage, Waits, decide_waiting, shelf};
use endcap_agent::ports::{Asked, Outbox, Outlet, Standings};
use endcap_agent::rollout::{Step, recorded};
use endcap_agent::succeed::Succession;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Guardrail, Intent, Standing, Traffic};
use endcap_govern::stop::LEASE_MAX;
use endcap_model::{Channel, Place, Plan};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Decide what the plan in force asks of each channel: prices with their begin and end, orders, transfers.
///
/// Offers reach a few stores first; the other stores have them decided as well, and wait for their stage. Each is checked against
/// every limit now and again just before it leaves. Nothing is sent: `endcap send` does that. What was decided before is not
/// decided twice. What plans before promised and this one does not is taken back; what both promise stays as it is.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap deploy shop --dry-run      what would be decided, what a limit holds back, whether the channels would take it
  endcap deploy shop
  endcap send shop --watch

Exit status: 0 done, 1 refused (the reason is printed), 2 bad input.")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// Decide nothing: show what would be, and try the channels without changing anything.
    #[arg(long)]
    dry_run: bool,
}

/// What became of a plan, for programs.
#[derive(Serialize)]
pub struct Deployed {
    pub plan: String,
    dry_run: bool,
    pub decided: usize,
    /// Of these, those that wait for a later stage or for conditions.
    waiting: usize,
    /// Stores of each stage of its roll-out; none where it has no stages.
    stages: Vec<usize>,
    /// Decided before, so not again.
    known: usize,
    /// What channels have from plans before and this one promises too.
    pub kept: usize,
    /// Offers of plans before that are ended, withdrawn, or void.
    pub taken_back: usize,
    pub held_back: Vec<HeldBack>,
    left_out: Vec<HeldBack>,
    /// What channels said without being changed, in a dry run.
    rehearsed: Vec<HeldBack>,
}

/// Something that does not go on, and why.
#[derive(Serialize)]
pub(crate) struct HeldBack {
    pub what: String,
    pub reason: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match deployed(&args.terms, args.dry_run, console)? {
        Ok(deployed) => {
            console.result(&deployed, for_people)?;
            Ok(Ending::Done)
        }
        Err(reason) => {
            console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
            Ok(Ending::Refused)
        }
    }
}

/// Decides what the plan in force asks of each channel; the inner error says why nothing may be acted on.
pub fn deployed(asked: &Terms, dry_run: bool, console: &Console) -> anyhow::Result<Result<Deployed, String>> {
    let folder = &asked.folder;
    let refused = |reason: String| Ok(Err(reason));
    let footing = match Footing::open(asked, console)? {
        Ok(footing) => footing,
        Err(reason) => return refused(reason),
    };
    let plan = match footing.plan_in_force(folder)? {
        Ok(plan) => plan,
        Err(reason) => return refused(reason),
    };
    let Some(stops) = footing.stops() else {
        return refused("it is not known what is stopped, so nothing is decided: `endcap stop --show` says why".into());
    };
    let now = Timestamp::now();
    let terms = deploy::Terms {
        acting: &footing.acting,
        ground: &footing.ground,
        goods: &footing.goods,
        limits: footing.gate.hash(),
        epoch: stops.epoch(),
        now,
    };
    let (intents, left_out) = deploy(&plan, &terms);
    let mut outlets = channels::open(folder)?;
    let mut outbox = Footing::outbox(folder)?;
    if !dry_run && let Err(replaced) = footing.take(&mut outbox)? {
        return refused(replaced);
    }
    let proposal = plan.decision().content.clone();
    let mut all = Everything::default();
    outbox.revise(now, &mut |read| {
        all = read.clone();
        Revision::default()
    })?;
    let (prices, supplies): (Vec<_>, Vec<_>) = intents.into_iter().partition(|one| one.action.new_price().is_some());
    let own = plan_conditions(folder, plan.get(), console)?;
    let begins = |place: &Place| terms.begins_at(plan.get(), place).unwrap_or(now);
    let held = |intent: &Intent| match intent.from <= begins(&intent.place) {
        true => own.of(&intent.sku, &intent.place),
        false => vec![],
    };
    let grounds = Grounds {
        proposal: Some(proposal.clone()),
        policy: Some(plan.decision().policy.clone()),
        objectives: plan.get().objectives.clone(),
        ..Grounds::default()
    };
    let succession = Succession {
        plan: plan.get().id.as_str(),
        wanted: &prices,
        waits: &|intent| !held(intent).is_empty(),
        begins: &begins,
        by: &footing.acting.agent,
        grounds: &grounds,
        now,
    };
    let kept = succession.kept(&all);
    let changes = succession.revision(&all);
    let voided: BTreeSet<i64> = changes.void.iter().map(|one| one.number).collect();
    let begins_no_more = all.waiting.iter().filter(|one| voided.contains(&one.number) && one.begins());
    let taken_back = changes.decide.len() + begins_no_more.count();
    let fresh = prices.iter().enumerate().filter(|(number, _)| !kept.contains(number)).map(|(_, price)| price.clone());
    let (fresh, known) = not_decided_yet(fresh.chain(supplies).collect(), plan.get(), &outbox)?;
    let rollout = rollout_of(&footing, &with_offers_of(plan.get(), &fresh), folder, now)?;
    if let Some((at, reason)) = rollout.as_ref().and_then(|one| one.stopped.as_ref()) {
        return refused(format!("the roll-out of this plan was stopped at {at:.0} ({reason}): plan again"));
    }
    let (passing, held_back) = footing.with_sources(|sources| {
        let waits = |intent: Intent| {
            let mut waits = waits_of(&intent, rollout.as_ref(), (&footing, sources), &proposal, now);
            if intent.action.new_price().is_some() {
                waits.conditions.extend(held(&intent));
            }
            (intent, waits)
        };
        let fresh = fresh.into_iter().map(waits).collect();
        let mut standings = |intent: &Intent| {
            let past = outbox.shelf(&intent.channel, &intent.place, &intent.sku)?;
            let standing =
                sources.standing(&Asked { intent, proposal: Some(&proposal), decided: None, past: &past }, now);
            let (stops, lease) = (Some(stops.clone()), Some(stops.lease(now, LEASE_MAX)));
            Ok::<_, anyhow::Error>(Standing { now, stops, lease, ..standing })
        };
        sorted(&footing, fresh, &mut standings, outbox.traffic(now)?)
    })?;
    let rehearsed = if dry_run { rehearsed(&passing, &mut outlets) } else { vec![] };
    let waiting = passing.iter().filter(|(_, waits)| waits.holds()).count();
    let stages = rollout.as_ref().map(|one| one.begun.stages.iter().map(Vec::len).collect()).unwrap_or_default();
    let deployed = Deployed {
        plan: plan.get().id.to_string(),
        dry_run,
        decided: passing.len(),
        waiting,
        stages,
        known,
        kept: kept.len(),
        taken_back,
        held_back,
        left_out: left_out.into_iter().map(|LeftOut { what, reason }| HeldBack { what, reason }).collect(),
        rehearsed,
    };
    if !dry_run {
        let promises = |channel: &Channel| outlets.get(channel).map(|outlet| outlet.promises()).unwrap_or_default();
        let decide = decide_waiting(passing, &promises, now, &footing.acting.agent, &grounds);
        let plan = plan.get().id.to_string();
        let begins = !decide.is_empty() && footing.rollouts.of(&plan).is_none();
        let step = rollout.filter(|_| begins).map(|one| Step::Begun { plan, at: now, begun: Box::new(one.begun) });
        let step = step.map(|step| (step.clone(), recorded(&step, Told::open(&footing.acting.agent))));
        let change = |all: &Everything| {
            let mut revision = succession.revision(all);
            revision.decide.extend(decide.clone());
            revision.steps.extend(step.clone());
            revision
        };
        outbox.revise(now, &mut |all| change(all)).context("deciding")?;
    }
    Ok(Ok(deployed))
}

/// What must hold, by a plan that was mended in flight, before its offers of the first period start at single stores.
fn plan_conditions(folder: &Path, plan: &Plan, console: &Console) -> anyhow::Result<Conditions> {
    let folder = folder.join("plans").join(plan.id.as_str());
    let (own, wrong) = conditions::read(&folder)?;
    for (row, reason) in wrong {
        console.note(format!("{}/{}, row {row}: {reason}", folder.display(), conditions::FILE_NAME));
    }
    Ok(own)
}

/// A plan with only those offers that some of these intents are about: what its roll-out reads.
fn with_offers_of(plan: &Plan, intents: &[Intent]) -> Plan {
    let names: BTreeSet<&str> = intents.iter().filter_map(|intent| intent.action.offer()).collect();
    let is_among = |number: usize| names.contains(offer_name(plan, number).as_str());
    let offers = plan.offers.iter().enumerate().filter(|(number, _)| is_among(*number));
    Plan { offers: offers.map(|(_, offer)| offer.clone()).collect(), ..plan.clone() }
}

/// Leaves out what was decided before and has not come to nothing. A plan that changes another one on the same facts does not
/// order again what that one ordered.
fn not_decided_yet(intents: Vec<Intent>, plan: &Plan, outbox: &dyn Outbox) -> anyhow::Result<(Vec<Intent>, usize)> {
    let mut known: BTreeMap<_, Vec<Intent>> = BTreeMap::new();
    for (intent, message) in outbox.all()? {
        let came_to_nothing =
            message.is_some_and(|known| matches!(known.stage, Stage::HeldBack { .. } | Stage::Refused { .. }));
        if !came_to_nothing {
            known.entry((intent.sku.clone(), intent.place.clone())).or_default().push(intent);
        }
    }
    // An offer that began later than planned, with its stage or its conditions, is the same offer.
    let is_same = |one: &Intent, other: &Intent| {
        let same_offer = one.action.offer().is_some() && shelf(one) == shelf(other) && one.action == other.action;
        let changes_another = plan.parent.is_some() && one.action.price().is_none();
        let ordered = (&one.channel, one.from, &one.inputs.snapshot)
            == (&other.channel, other.from, &other.inputs.snapshot)
            && one.action.name() == other.action.name();
        one.does_the_same_as(other) || same_offer || changes_another && ordered
    };
    let is_known = |intent: &Intent| {
        let same = known.get(&(intent.sku.clone(), intent.place.clone()));
        same.is_some_and(|same| same.iter().any(|other| is_same(other, intent)))
    };
    let (known, fresh): (Vec<_>, Vec<_>) = intents.into_iter().partition(is_known);
    Ok((fresh, known.len()))
}

/// What passes the gate, and what is held back.
pub(crate) type Sorted = (Vec<(Intent, Waits)>, Vec<HeldBack>);

/// Passes every intent through the gate, one after another, so that they count against each other; stages go out on different
/// days, and count each for itself.
pub(crate) fn sorted(
    footing: &Footing,
    intents: Vec<(Intent, Waits)>,
    standing: &mut dyn FnMut(&Intent) -> anyhow::Result<Standing>,
    traffic: Traffic,
) -> anyhow::Result<Sorted> {
    let (mut passing, mut held_back) = (vec![], vec![]);
    let mut by_stage: BTreeMap<usize, Traffic> = BTreeMap::new();
    // Above every generation that was sent, and rising, as they will be when their time comes.
    for ((intent, waits), generation) in intents.into_iter().zip(u64::MAX / 2..) {
        let asked = Intent { generation, ..intent.clone() };
        let mut standing = standing(&asked)?;
        let stage = waits.stage.as_ref().map_or(0, |of| of.stage);
        if stage > 0 {
            // It goes out once the guardrail is clear, and not otherwise.
            standing.guardrail = Guardrail::Clear;
        }
        let traffic = by_stage.entry(stage).or_insert_with(|| traffic.clone());
        match footing.gate.admit(&asked, &standing, traffic) {
            Ok(_) => passing.push((intent, waits)),
            Err(breaches) if breaches.iter().all(endcap_govern::gate::passes_with_time) => {
                passing.push((intent, waits))
            }
            Err(breaches) => {
                let reason = breaches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                held_back.push(HeldBack { what: intent.describe(), reason });
            }
        }
    }
    Ok((passing, held_back))
}

fn rehearsed(intents: &[(Intent, Waits)], outlets: &mut BTreeMap<Channel, Box<dyn Outlet>>) -> Vec<HeldBack> {
    let mut said = vec![];
    for (intent, _) in intents {
        let answer = match outlets.get_mut(&intent.channel) {
            None => Err("channels.toml names no such channel".to_owned()),
            Some(outlet) => outlet.rehearse(&Message::of(intent, &outlet.promises()), intent),
        };
        said.extend(answer.err().map(|reason| HeldBack { what: intent.describe(), reason }));
    }
    said
}

fn for_people(deployed: &Deployed) -> String {
    let did = if deployed.dry_run { "would be decided" } else { "decided: `endcap send` sends them" };
    let mut text =
        format!("Plan {}: {} messages {did}; {} known before.", deployed.plan, deployed.decided, deployed.known);
    if deployed.waiting > 0 {
        text += &format!("\n{} of them wait: `endcap outbox` says for what.", deployed.waiting);
    }
    if deployed.kept + deployed.taken_back > 0 {
        text += &format!(
            "\nOf plans before, {} offers stay as they are and {} are taken back.",
            deployed.kept, deployed.taken_back
        );
    }
    if !deployed.stages.is_empty() {
        let stages: Vec<String> = deployed.stages.iter().map(usize::to_string).collect();
        text += &format!("\nStores in its stages: {}; `endcap rollout show` tells how far it is.", stages.join(", "));
    }
    for (title, rows) in [
        ("held back by limits", &deployed.held_back),
        ("left out", &deployed.left_out),
        ("would not be taken", &deployed.rehearsed),
    ] {
        if rows.is_empty() {
            continue;
        }
        let mut shown = table(&["what", title]);
        for row in rows.iter().take(20) {
            shown.add_row([row.what.as_str(), row.reason.as_str()]);
        }
        text += &format!("\n\n{shown}");
        if rows.len() > 20 {
            text += &format!("\n{} more: --json lists them all", rows.len() - 20);
        }
    }
    text
}
