//! Clocks: offers begin and end at the first moment of a local day, on days on which clocks change as well, and no clock that
//! runs fast or jumps brings one out early, keeps it late, or uses what has expired.

use super::ground::{Shop, gate, intent};
use super::random;
use super::revert::Tills;
use endcap_adapters::ledger::LedgerOutbox;
use endcap_agent::deploy::begins;
use endcap_agent::outbox::{Decided, Patience, Revision, Voided, Waits, decide, decide_waiting};
use endcap_agent::ports::{Outbox, Outlet};
use endcap_agent::send::Sender;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Action, Inputs, Intent};
use endcap_model::Channel;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

/// Zones with a day on which something is odd there, and the hours that it has in tenths.
const DAYS: [(&str, Date, i64); 12] = [
    ("Europe/Berlin", date(2026, 3, 29), 230),
    ("Europe/Berlin", date(2026, 10, 25), 250),
    ("America/New_York", date(2027, 3, 14), 230),
    ("America/New_York", date(2027, 11, 7), 250),
    ("America/Sao_Paulo", date(2018, 11, 4), 230),
    ("Africa/Cairo", date(2024, 4, 26), 230),
    ("Australia/Lord_Howe", date(2026, 10, 4), 235),
    ("Australia/Lord_Howe", date(2026, 4, 5), 245),
    ("Asia/Kolkata", date(2028, 2, 29), 240),
    ("Europe/Berlin", date(2028, 2, 29), 240),
    ("America/Havana", date(2026, 3, 8), 230),
    ("Pacific/Apia", date(2011, 12, 31), 240),
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// An offer for one local day.
fn offered(name: &str, day: Date) -> Intent {
    let (from, until) = (begins(day, &zone(name)).unwrap(), begins(day.tomorrow().unwrap(), &zone(name)).unwrap());
    let known_at = from - SignedDuration::from_hours(3);
    let inputs = Inputs { known_at, snapshot: "s".into(), quarantined: false, personal_data: false };
    let action = Action::StartOffer { offer: "p-1".into(), price: 180 };
    Intent { until: Some(until), inputs, ..intent("milk", action, from) }
}

fn keep(folder: &Path, decided: Vec<Decided>, now: Timestamp) {
    LedgerOutbox::open(folder, random).unwrap().decide(decided, now).unwrap();
}

fn sent(
    folder: &Path,
    tills: &Tills,
    clock: &Cell<Timestamp>,
    times: impl Iterator<Item = Timestamp>,
    look: &mut dyn FnMut(),
) {
    let (now, gate, shop) = (|| clock.get(), gate(), Shop::open());
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    let outlets = BTreeMap::from([(Channel::from("till"), Box::new(tills.clone()) as Box<dyn Outlet>)]);
    let mut sender = Sender::open(&gate, Patience::default(), outlets, (&mut outbox, &shop), &now, &|_| {}).unwrap();
    for time in times {
        clock.set(time);
        sender.round().unwrap();
        look();
    }
}

#[test]
fn every_moment_lies_in_exactly_one_day_and_a_day_is_as_long_as_it_is_there() {
    for (name, day, tenths) in DAYS {
        let zone = zone(name);
        let (from, until) = (begins(day, &zone).unwrap(), begins(day.tomorrow().unwrap(), &zone).unwrap());
        assert_eq!(until.duration_since(from).as_mins(), tenths * 6, "{day} in {name}");
        let mut moment = from;
        while moment < until {
            assert_eq!(zone.to_datetime(moment).date(), day, "{moment} in {name}");
            moment += SignedDuration::from_mins(15);
        }
        for outside in [from - SignedDuration::from_nanos(1), until] {
            assert_ne!(zone.to_datetime(outside).date(), day, "{outside} in {name}");
        }
    }
}

#[test]
fn no_offer_begins_early_or_ends_late_where_clocks_change_nor_on_a_clock_ten_times_as_fast() {
    for (name, day, _) in DAYS {
        for minutes in [10, 100] {
            let folder = tempfile::tempdir().unwrap();
            let (folder, tills, offer) = (folder.path(), Tills::new(false), offered(name, day));
            let (from, until, step) = (offer.from, offer.until.unwrap(), SignedDuration::from_mins(minutes));
            let begin = from - SignedDuration::from_hours(2) - SignedDuration::from_secs(7);
            keep(folder, decide(vec![offer], &|_| tills.promises, begin, "planner", &Grounds::default()), begin);
            let (clock, mut running) = (Cell::new(begin), vec![]);
            let times = std::iter::successors(Some(begin), |time| Some(*time + step));
            let times = times.take_while(|time| *time < until + SignedDuration::from_hours(5));
            sent(folder, &tills, &clock, times, &mut || {
                let runs = tills.prices() == [180];
                running.extend(runs.then(|| clock.get()));
                // It leaves in the first round after its time, and is read back in the next.
                let should = from <= clock.get() && clock.get() < until;
                assert_eq!(runs, should, "{} in {name}", clock.get());
            });
            assert!(!running.is_empty() && tills.prices() == [200], "{day} in {name}: {:?}", tills.prices());
        }
    }
}

#[test]
fn clocks_that_jump_by_more_than_a_year_start_nothing_and_end_what_runs() {
    let year = SignedDuration::from_hours(24 * 400);
    for (name, day, _) in DAYS {
        for (at_first, begun) in [(-year, false), (year, false), (SignedDuration::ZERO, true)] {
            let folder = tempfile::tempdir().unwrap();
            let (folder, tills, offer) = (folder.path(), Tills::new(false), offered(name, day));
            let from = offer.from;
            let hour = SignedDuration::from_hours(1);
            keep(
                folder,
                decide(vec![offer], &|_| tills.promises, from - hour, "planner", &Grounds::default()),
                from - hour,
            );
            let clock = Cell::new(from);
            let minute = |number: i64| SignedDuration::from_mins(number);
            sent(folder, &tills, &clock, (0..4).map(|number| from + at_first + minute(number)), &mut || {});
            assert_eq!(tills.prices().contains(&180), begun, "{day} in {name}, by {at_first}");
            // Back by a year, then on by more than one: what runs ends, what did not begin never does.
            sent(folder, &tills, &clock, (0..4).map(|number| from - year + minute(number)), &mut || {});
            assert_eq!(tills.prices().contains(&180), begun, "{day} in {name}: nothing ends early either");
            sent(folder, &tills, &clock, (0..6).map(|number| from + year + minute(number)), &mut || {});
            assert!(!tills.prices().contains(&180), "{day} in {name}, by {at_first}");
        }
    }
}

#[test]
fn what_may_be_vetoed_waits_out_its_time_and_never_leaves_once_somebody_said_no() {
    for vetoed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (folder, tills) = (folder.path(), Tills::new(true));
        let offer = offered("Europe/Berlin", date(2026, 10, 25));
        let (begin, hour) = (offer.from, SignedDuration::from_hours(1));
        let waits = Waits { veto_until: Some(begin + 4 * hour), ..Waits::default() };
        let decided = decide_waiting(vec![(offer, waits)], &|_| tills.promises, begin, "planner", &Grounds::default());
        keep(folder, decided, begin);
        let clock = Cell::new(begin);
        sent(folder, &tills, &clock, (0..24).map(|tenth| begin + SignedDuration::from_mins(10 * tenth)), &mut || {});
        assert_eq!(tills.prices(), [] as [i64; 0], "it waits for whoever may say no");
        let mut outbox = LedgerOutbox::open(folder, random).unwrap();
        let waiting = outbox.waiting().unwrap();
        assert_eq!(waiting[0].due, Some(begin + 4 * hour));
        if vetoed {
            let void = vec![Voided::of(&waiting[0], Told::personal("ada"), "vetoed", vec![])];
            outbox.revise(clock.get(), &mut |_| Revision { void: void.clone(), ..Revision::default() }).unwrap();
        }
        drop(outbox);
        sent(
            folder,
            &tills,
            &clock,
            (0..5).map(|tenth| begin + 4 * hour + SignedDuration::from_mins(tenth)),
            &mut || {},
        );
        assert_eq!(tills.prices(), if vetoed { vec![] } else { vec![180] });
    }
}
