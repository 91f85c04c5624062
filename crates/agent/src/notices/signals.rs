//! What those who watch see, as signals: supply, sales beside what is usual, data, channels, roll-outs, the loop itself.

use super::{Measured, Severity, Signal, Usual};
use crate::board::SupplyAlert;
use crate::flight::{Exchange, Reading, Rule};
use crate::outbox::{Known, Stage};
use crate::reconcile::{Finding, Open};
use crate::rollout::Rollouts;
use crate::sense::Facts;
use endcap_govern::gate::Intent;
use endcap_ingest::doubt::{Alarm, AlarmKind};
use endcap_model::{Calendar, Panel, Period};
use endcap_supply::Handling;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Periods of the same weekday, or weeks, that tell what is usual.
const USUAL_PERIODS: i32 = 12;
/// Days of a week.
const WEEK: i32 = 7;
/// Signals of one source about single items at places; beyond that the costliest are told.
const MOST: usize = 200;

/// Alerts of the supply that a person has to look at.
pub fn supply_signals(alerts: &[SupplyAlert]) -> Vec<Signal> {
    let looked = alerts.iter().filter(|alert| alert.handling != Handling::Auto);
    let signal = |alert: &SupplyAlert| Signal {
        kind: name(&alert.kind),
        about: format!("{} at {}", alert.sku, alert.place),
        sku: Some(alert.sku.clone()),
        place: Some(alert.place.clone()),
        text: format!(
            "{} at {}: {} ({}).",
            called(alert.name.as_deref(), &alert.sku),
            alert.place,
            alert.words,
            alert.period
        ),
        advice: match alert.handling {
            Handling::Exception => {
                "No order of the plan helps: find pieces elsewhere, or take the offer back.".to_owned()
            }
            _ => format!("{}: the page Supply shows the order and the paths of stock.", words(&alert.action)),
        },
        money: Some(alert.value),
        page: Some("/supply".to_owned()),
        ..blank("supply")
    };
    looked.take(MOST).map(signal).collect()
}

/// What a look at the plan in flight proposes: changes that wait, and shelves that cannot hold their offer.
pub fn flight_signals(reading: &Reading) -> Vec<Signal> {
    let mut signals = vec![];
    if !reading.tweaks.is_empty() {
        signals.push(Signal {
            kind: "changes_wait".to_owned(),
            about: format!("plan {}", reading.in_force),
            text: format!("{} changes to the plan that runs are proposed from {}.", reading.tweaks.len(), reading.from),
            advice: "The page Live shows each with what it does on simulated shelves.".to_owned(),
            money: Some(reading.value - reading.promised_value),
            page: Some("/live".to_owned()),
            ..blank("flight")
        });
    }
    signals.extend(reading.narrowed.iter().take(MOST).map(|one| Signal {
        kind: "shelf_too_short_for_its_offer".to_owned(),
        about: format!("{} at {}", one.sku, one.place),
        sku: Some(one.sku.clone()),
        place: Some(one.place.clone()),
        text: format!(
            "{} at {}: the shelf runs empty in {:.0} of 100 cases with its offer, in {:.0} without.",
            one.sku,
            one.place,
            100.0 * one.effect.stockout[0],
            100.0 * one.effect.stockout[1]
        ),
        advice: "Hold the offer back there: the proposal's conditions.csv does.".to_owned(),
        money: Some(one.effect.mean.round() as i64),
        page: Some("/live".to_owned()),
        ..blank("flight")
    }));
    signals.extend(reading.talk.iter().filter_map(surplus_with_an_offer).take(MOST));
    signals
}

/// A surplus that carries the offer that would clear it.
fn surplus_with_an_offer(exchange: &Exchange) -> Option<Signal> {
    let Exchange { sku, place, pieces, .. } = exchange;
    let answer = exchange.answers.iter().find(|answer| answer.depth.is_some())?;
    let (depth, effect) = (answer.depth?, answer.effect.filter(|_| exchange.rule == Rule::OfferPays)?);
    Some(Signal {
        kind: "surplus_has_an_offer".to_owned(),
        about: format!("{sku} in {place}"),
        sku: Some(sku.clone()),
        place: Some(place.clone()),
        text: format!("{sku} in {place}: {pieces:.0} pieces more than the plan is likely to sell."),
        advice: format!(
            "An offer of {:.0} % off pays on simulated shelves: put it on the board, or keep the pieces.",
            100.0 * depth
        ),
        money: Some(effect.mean.round() as i64),
        page: Some("/live".to_owned()),
        ..blank("flight")
    })
}

/// Sales of the last period beside those of the same weekday (or of the weeks) before, by item and place. Promoted periods are
/// left out of what is usual, and offers are looked at elsewhere.
pub fn unusual_sales(facts: &Facts, price: &dyn Fn(&endcap_model::Sku) -> i64) -> Vec<Signal> {
    let (panel, Some(span)) = (&facts.panel, facts.panel.span()) else { return vec![] };
    let (c, last) = (panel.columns(), span.end.plus(-1));
    let step = if panel.calendar() == Calendar::Day { WEEK } else { 1 };
    let mut signals = vec![];
    for (sku, entry) in panel.skus().iter().enumerate() {
        for series in panel.series_of(sku) {
            let rows: BTreeMap<Period, usize> = series.map(|row| (c.period[row], row)).collect();
            let Some(&now) = rows.get(&last).filter(|row| is_plain(panel, **row)) else { continue };
            let before = (1..=USUAL_PERIODS).filter_map(|back| rows.get(&last.plus(-back * step)));
            let values: Vec<f64> = before.filter(|row| is_plain(panel, **row)).map(|&row| c.units[row]).collect();
            let Some(usual) = Usual::of(&values) else { continue };
            let (value, place) = (c.units[now], &panel.places()[c.place[now] as usize].place);
            let which = if value > usual.middle { "sold_far_more" } else { "sold_far_less" };
            signals.push(Signal {
                kind: which.to_owned(),
                about: format!("{} at {place}", entry.sku),
                sku: Some(entry.sku.clone()),
                place: Some(place.clone()),
                text: format!(
                    "{} at {place} sold {value:.0} in {}, where {:.0} is usual.",
                    called(facts.name(&entry.sku).as_deref(), &entry.sku),
                    panel.calendar().format(last),
                    usual.middle
                ),
                advice: "Look whether the shelf, the price or the till is wrong before orders answer to it.".to_owned(),
                money: Some(((value - usual.middle).abs() * price(&entry.sku) as f64).round() as i64),
                measured: Some(Measured { value, usual }),
                page: Some("/supply".to_owned()),
                ..blank("sales")
            });
        }
    }
    signals.sort_by_key(|signal| (std::cmp::Reverse(signal.money), signal.about.clone()));
    signals.truncate(MOST * 10);
    signals
}

/// Whether a row is of a period without an offer and with stock.
fn is_plain(panel: &Panel, row: usize) -> bool {
    let c = panel.columns();
    let full_price = c.price[row] >= endcap_demand::PROMOTED_RATIO * c.base_price[row];
    full_price && c.feature[row] == 0.0 && c.display[row] == 0.0 && c.stockout_share[row] == 0.0
}

/// Alarms of the facts, and rows that wait for an answer.
pub fn data_signals(alarms: &[Alarm], rows_waiting: usize) -> Vec<Signal> {
    let alarm = |alarm: &Alarm| {
        let (kind, floor) = match alarm.kind {
            AlarmKind::Silence => ("place_is_silent", Severity::Warning),
            AlarmKind::Drift => ("sales_drift", Severity::Critical),
            AlarmKind::ManyDoubts => ("many_doubts", Severity::Critical),
        };
        Signal {
            kind: kind.to_owned(),
            about: alarm.scope.clone(),
            text: format!("{alarm}."),
            advice: "Find out whether it is so: `endcap quarantine release` or `confirm` answers; until then the last good model goes on.".to_owned(),
            floor: Some(if alarm.holds_the_model() { Severity::Critical } else { floor }),
            page: Some("/data".to_owned()),
            ..blank("data")
        }
    };
    let waiting = (rows_waiting > 0).then(|| Signal {
        kind: "rows_wait".to_owned(),
        about: "rows in quarantine".to_owned(),
        text: format!("{rows_waiting} rows cannot be believed, and nobody has said whether they are right."),
        advice: "`endcap quarantine show` lists them by cause; release or confirm them. Their items are not acted on until then.".to_owned(),
        floor: Some(Severity::Warning),
        page: Some("/data".to_owned()),
        ..blank("data")
    });
    alarms.iter().map(alarm).chain(waiting).collect()
}

/// Facts that are older than is usual for the project: nothing while they are not.
pub fn silent_signal(loads: &[Timestamp], now: Timestamp) -> Option<Signal> {
    let hours = |from: Timestamp, until: Timestamp| until.duration_since(from).as_secs() as f64 / 3600.0;
    let between: Vec<f64> = loads.windows(2).map(|pair| hours(pair[0], pair[1])).collect();
    let (usual, last) = (Usual::of(&between)?, *loads.last()?);
    let value = hours(last, now);
    (value > usual.middle).then(|| Signal {
        kind: "feed_is_silent".to_owned(),
        about: "the project's facts".to_owned(),
        text: format!(
            "The last facts came {:.1} hours ago, where {:.1} hours lie between two loads.",
            value, usual.middle
        ),
        advice: "Look whether whoever delivers still does, then run `endcap ingest`.".to_owned(),
        floor: Some(Severity::Critical),
        measured: Some(Measured { value, usual }),
        page: Some("/data".to_owned()),
        ..blank("feeds")
    })
}

/// Differences between what channels hold and what they must.
pub fn reconcile_signals(open: &[Open]) -> Vec<Signal> {
    let signal = |one: &Open| {
        let Finding { channel, subject, sku, place, .. } = &one.finding;
        Signal {
            kind: "channel_differs".to_owned(),
            about: format!("{channel}: {subject}"),
            sku: sku.clone(),
            place: place.clone(),
            text: format!("{channel}: {}.", one.finding.describe()),
            advice: "The page Channels shows what it must hold; a named person has it put right, or settles it at the channel.".to_owned(),
            floor: Some(Severity::Critical),
            page: Some("/channels".to_owned()),
            ..blank("channels")
        }
    };
    open.iter().take(MOST).map(signal).collect()
}

/// Messages of which nobody knows what became of them.
pub fn message_signals<'a>(all: impl IntoIterator<Item = (&'a Intent, &'a Known)>) -> Vec<Signal> {
    let unclear = all.into_iter().filter_map(|(intent, known)| match &known.stage {
        Stage::Unclear { reason } => Some(Signal {
            kind: "message_is_unclear".to_owned(),
            about: format!("{}: {}", intent.channel, intent.describe()),
            sku: Some(intent.sku.clone()),
            place: Some(intent.place.clone()),
            text: format!("{}: nobody knows what became of '{}': {reason}.", intent.channel, intent.describe()),
            advice: "Look at the channel, and say on the page Channels whether it happened.".to_owned(),
            floor: Some(Severity::Critical),
            page: Some("/channels".to_owned()),
            ..blank("messages")
        }),
        _ => None,
    });
    unclear.take(MOST).collect()
}

/// Roll-outs that were stopped.
pub fn rollout_signals(rollouts: &Rollouts, plan_in_force: Option<&str>) -> Vec<Signal> {
    let stopped = rollouts.iter().filter(|one| Some(one.plan.as_str()) == plan_in_force);
    let signal = |one: &crate::rollout::Rollout| {
        let (at, reason) = one.stopped.as_ref()?;
        Some(Signal {
            kind: "rollout_stopped".to_owned(),
            about: format!("plan {}", one.plan),
            text: format!("The roll-out of plan {} was stopped at {at:.0} after {} stores: {reason}.", one.plan, one.reached()),
            advice: "Its prices lead back to base prices. `endcap rollout show` has the readings; plan again once the cause is known.".to_owned(),
            floor: Some(Severity::Emergency),
            page: Some("/channels".to_owned()),
            ..blank("rollout")
        })
    };
    stopped.filter_map(signal).collect()
}

/// A loop that is halted.
pub fn halt_signal(reason: Option<&str>) -> Option<Signal> {
    reason.map(|reason| Signal {
        kind: "loop_halted".to_owned(),
        about: "the loop".to_owned(),
        text: format!("The loop is halted: {reason}."),
        advice: "A named person resumes it, through shadow: `endcap resume`.".to_owned(),
        floor: Some(Severity::Emergency),
        page: Some("/".to_owned()),
        ..blank("loop")
    })
}

fn blank(source: &str) -> Signal {
    Signal {
        source: source.to_owned(),
        kind: String::new(),
        about: String::new(),
        sku: None,
        place: None,
        text: String::new(),
        advice: String::new(),
        money: None,
        floor: None,
        measured: None,
        page: None,
    }
}

fn called(name: Option<&str>, sku: &endcap_model::Sku) -> String {
    name.map_or_else(|| format!("Item {sku}"), |name| format!("{name} ({sku})"))
}

fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn words(value: &impl Serialize) -> String {
    let name = name(value).replace('_', " ");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
