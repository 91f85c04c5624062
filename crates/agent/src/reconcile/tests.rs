use super::*;
use crate::outbox::{Decided, Everything, Heard, Held, Known, Message, Promises, Revision, Stage, Waiting};
use crate::ports::{Findings, Outbox, Outlet, PortError, Standings};
use crate::rollout::Rollouts;
use crate::send::{Kept, Pending};
use endcap_govern::Approved;
use endcap_govern::gate::{Action, Inputs, Traffic};
use endcap_model::{Currency, SnapshotId};
use jiff::SignedDuration;
use std::collections::BTreeMap;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

fn price(sku: &str, action: Action, generation: u64) -> Intent {
    Intent {
        action,
        sku: sku.into(),
        category: "food".into(),
        place: "north".into(),
        channel: "till".into(),
        tenant: "shop".into(),
        agent: "planner".into(),
        currency: Currency::EUR,
        from: at(0),
        until: Some(at(86_400)),
        generation,
        epoch: 0,
        limits: endcap_model::hash_bytes(b"limits"),
        inputs: Inputs { snapshot: SnapshotId::from("s"), known_at: at(0), quarantined: false, personal_data: false },
        shown: Default::default(),
    }
}

fn offer(sku: &str, cents: i64, generation: u64) -> Intent {
    price(sku, Action::StartOffer { offer: "easter".into(), price: cents }, generation)
}

const TIMED: Promises =
    Promises { knows_key_for: None, refuses_older: true, refuses_second: false, reads_back: true, keeps_time: true };

/// A book in memory.
#[derive(Default)]
struct Book {
    messages: Vec<(Intent, Option<Known>)>,
    open: Vec<Open>,
    contacts: BTreeMap<Channel, Contact>,
    records: Vec<Entry<Told>>,
}

impl Book {
    fn with(promises: &Promises, intents: &[Intent], stage: &Stage) -> Self {
        let message = |intent: &Intent| {
            let mut known = Known::decided(Message::of(intent, promises), at(0)).leaves(at(1));
            known.stage = stage.clone();
            (intent.clone(), Some(known))
        };
        Self { messages: intents.iter().map(message).collect(), ..Self::default() }
    }
}

impl Outbox for Book {
    fn decide(&mut self, _: Vec<Decided>, _: Timestamp) -> Result<(), PortError> {
        Ok(())
    }
    fn revise(&mut self, _: Timestamp, _: &mut dyn FnMut(&Everything) -> Revision) -> Result<Revision, PortError> {
        Ok(Revision::default())
    }
    fn waiting(&self) -> Result<Vec<Waiting>, PortError> {
        Ok(vec![])
    }
    fn rollouts(&self) -> Result<Rollouts, PortError> {
        Ok(Rollouts::default())
    }
    fn ripen(&mut self, _: Timestamp, _: &dyn Standings) -> Result<(), PortError> {
        Ok(())
    }
    fn due(&self, _: Timestamp, _: u32) -> Result<Vec<Pending>, PortError> {
        Ok(vec![])
    }
    fn keep(&mut self, _: Vec<Kept>, _: Timestamp) -> Result<(), PortError> {
        Ok(())
    }
    fn traffic(&self, _: Timestamp) -> Result<Traffic, PortError> {
        Ok(Traffic::default())
    }
    fn all(&self) -> Result<Vec<(Intent, Option<Known>)>, PortError> {
        Ok(self.messages.clone())
    }
    fn shelf(&self, _: &Channel, _: &Place, _: &Sku) -> Result<Vec<(Known, Intent)>, PortError> {
        Ok(vec![])
    }
}

impl Findings for Book {
    fn open_findings(&self) -> Result<Vec<Open>, PortError> {
        Ok(self.open.clone())
    }
    fn contacts(&self) -> Result<Vec<Contact>, PortError> {
        Ok(self.contacts.values().cloned().collect())
    }
    fn note(&mut self, noted: &Noted, _: Timestamp) -> Result<(), PortError> {
        self.open.retain(|open| !noted.gone.iter().any(|(id, _)| *id == open.id));
        for (finding, record) in &noted.new {
            self.records.push(record.clone());
            let id = self.records.len() as i64;
            self.open.push(Open { id, finding: finding.clone(), asked: None, repair: None });
        }
        self.records.extend(noted.gone.iter().map(|(_, record)| record.clone()));
        self.contacts.extend(noted.contacts.iter().map(|contact| (contact.channel.clone(), contact.clone())));
        Ok(())
    }
    fn ask_repair(&mut self, _: &[i64], _: &str, _: &str, _: Timestamp) -> Result<(), PortError> {
        Ok(())
    }
    fn decision(&self, _: &Finding) -> Result<Option<Decision>, PortError> {
        Ok(None)
    }
    fn repair(&mut self, _: Vec<(i64, Vec<Decided>)>, _: Timestamp) -> Result<(), PortError> {
        Ok(())
    }
}

/// A till whose content the test sets.
#[derive(Clone, Default)]
struct Till {
    holds: BTreeMap<String, Held>,
    extras: Vec<Extra>,
    silent: bool,
    promises: Promises,
}

impl Till {
    fn of(book: &Book, promises: Promises) -> Self {
        let held = |(intent, known): &(Intent, Option<Known>)| {
            let message = &known.as_ref().unwrap().message;
            (message.subject.clone(), Held::of(Some(message.generation), Wanted::of(intent)))
        };
        Self { holds: book.messages.iter().map(held).collect(), promises, ..Self::default() }
    }
}

impl Outlet for Till {
    fn promises(&self) -> Promises {
        self.promises
    }
    fn send(&mut self, _: &Message, _: &Approved<Intent>) -> Heard {
        Heard::Unreachable
    }
    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        if self.silent { Heard::Unread } else { Heard::Holds(self.holds.get(&message.subject).cloned()) }
    }
    fn extras(&mut self, _: &[(&Message, &Intent)]) -> Extras {
        if self.silent { Extras::Unread } else { Extras::Found(self.extras.clone()) }
    }
    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        Ok(())
    }
}

fn round(book: &mut Book, till: &Till, second: i64) -> Report {
    let mut outlets: BTreeMap<Channel, Box<dyn Outlet>> = BTreeMap::new();
    outlets.insert("till".into(), Box::new(till.clone()));
    reconcile(book, &mut outlets, None, &|| at(second)).unwrap()
}

#[test]
fn what_agrees_is_well_and_each_kind_of_difference_is_found_once_until_it_is_gone() {
    let intents: Vec<Intent> = ["milk", "beer", "eggs", "rice", "oil"].map(|sku| offer(sku, 150, 2)).into();
    let mut book = Book::with(&TIMED, &intents, &Stage::Confirmed);
    let well = Till::of(&book, TIMED);
    let report = round(&mut book, &well, 60);
    assert!(report.is_well(), "{report:?}");
    assert_eq!((report.channels[0].agree, report.channels[0].read), (5, Some(at(60))));

    let subject = |sku: &str| Message::of(&offer(sku, 150, 2), &TIMED).subject;
    let mut till = well.clone();
    till.holds.insert(subject("milk"), Held::of(Some(2), Wanted::of(&offer("milk", 250, 2))));
    till.holds.remove(&subject("beer"));
    till.holds.insert(subject("eggs"), Held::of(Some(1), Wanted::of(&offer("eggs", 199, 1))));
    till.holds.insert(subject("rice"), Held::of(Some(9), Wanted::of(&offer("rice", 100, 9))));
    till.extras = vec![Extra { name: "E99".into(), held: None, generation: None }];
    let report = round(&mut book, &till, 120);
    let kinds: BTreeMap<String, Kind> = report
        .findings
        .iter()
        .map(|open| (open.finding.sku.as_ref().map_or("E99".into(), ToString::to_string), open.finding.kind))
        .collect();
    let expected = [
        ("E99", Kind::Extra),
        ("beer", Kind::Missing),
        ("eggs", Kind::Stale),
        ("milk", Kind::Changed),
        ("rice", Kind::Foreign),
    ];
    assert_eq!(kinds, expected.map(|(sku, kind)| (sku.to_owned(), kind)).into());
    assert_eq!((report.new, report.channels[0].differ, report.channels[0].agree), (5, 5, 1));
    assert!(report.findings.iter().all(|open| open.finding.after == Some(at(60)) && open.finding.found == at(120)));
    let milk = report.findings.iter().find(|open| open.finding.sku == Some("milk".into())).unwrap();
    assert_eq!(milk.finding.held.as_ref().unwrap().describe().split(' ').next(), Some("2.50"));

    let again = round(&mut book, &till, 180);
    assert_eq!((again.new, again.gone, again.findings.len()), (0, 0, 5), "the same is found once");
    assert_eq!(again.findings[0].finding.found, at(120));
    till.holds.insert(subject("milk"), Held::of(Some(2), Wanted::of(&offer("milk", 260, 2))));
    let otherwise = round(&mut book, &till, 200);
    assert_eq!((otherwise.new, otherwise.gone), (1, 1), "another price is another finding");
    let back = round(&mut book, &well, 240);
    assert_eq!((back.gone, back.findings.len()), (5, 0));
    assert!(back.is_well());
    let actions: Vec<&str> = book.records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "drift found").count(), 6);
    assert_eq!(actions.iter().filter(|action| **action == "drift gone").count(), 6);
}

#[test]
fn silence_is_neither_agreement_nor_drift_and_closes_nothing() {
    let mut book = Book::with(&TIMED, &[offer("milk", 150, 1)], &Stage::Confirmed);
    let mut till = Till::of(&book, TIMED);
    till.holds.clear();
    assert_eq!(round(&mut book, &till, 60).findings.len(), 1);
    till.silent = true;
    let report = round(&mut book, &till, 120);
    assert!(!report.is_well() && report.findings.len() == 1, "{report:?}");
    assert_eq!((report.channels[0].unread, report.channels[0].agree), (1, 0));
    assert_eq!(report.channels[0].read, Some(at(60)), "it last answered then");
}

#[test]
fn only_what_reached_a_channel_and_still_counts_must_be_held() {
    let end = |generation| price("milk", Action::EndOffer { offer: "easter".into(), price: 200 }, generation);
    let holds = |intents: &[(Intent, Stage)], promises: Promises, now: i64| {
        let all: Vec<_> = intents
            .iter()
            .map(|(intent, stage)| {
                let mut known = Known::decided(Message::of(intent, &promises), at(0)).leaves(at(1));
                known.stage = stage.clone();
                (intent.clone(), Some(known))
            })
            .collect();
        let all = expected(&"till".into(), &all, &promises, at(now));
        all.settled.values().map(|one| one.message.generation).collect::<Vec<_>>()
    };
    let held_back = Stage::HeldBack { reason: "a limit".into() };
    let unclear = Stage::Unclear { reason: "no answer".into() };
    let plain = Promises { keeps_time: false, ..TIMED };
    let day = 86_400;
    for (intents, promises, now, expected, why) in [
        (vec![(offer("milk", 150, 1), Stage::Confirmed)], TIMED, 10, vec![1], "confirmed"),
        (vec![(offer("milk", 150, 1), Stage::Confirmed)], TIMED, day, vec![], "it ended by itself"),
        (vec![(offer("milk", 150, 1), Stage::Confirmed)], plain, day, vec![1], "nobody ended it yet"),
        (vec![(offer("milk", 150, 1), held_back.clone())], TIMED, 10, vec![], "never had an effect"),
        (
            vec![(offer("milk", 150, 1), Stage::Confirmed), (offer("milk", 140, 2), held_back)],
            TIMED,
            10,
            vec![1],
            "the one before still stands",
        ),
        (
            vec![(offer("milk", 150, 1), Stage::Confirmed), (offer("milk", 140, 2), unclear)],
            TIMED,
            10,
            vec![],
            "unclear",
        ),
        (
            vec![(offer("milk", 150, 1), Stage::Confirmed), (offer("milk", 140, 2), Stage::Sent)],
            TIMED,
            10,
            vec![],
            "under way",
        ),
        (
            vec![(offer("milk", 150, 1), Stage::Superseded), (end(2), Stage::Confirmed)],
            plain,
            9 * day,
            vec![2],
            "the end",
        ),
        (
            vec![(end(2), Stage::Confirmed)],
            TIMED,
            9 * day,
            vec![],
            "an end of long ago, where others set the base price",
        ),
    ] {
        assert_eq!(holds(&intents, promises, now), expected, "{why}");
    }
}

#[test]
fn a_channel_that_cannot_be_read_says_so_and_is_never_well_by_that() {
    let none = Promises::default();
    let mut book = Book::with(&none, &[offer("milk", 150, 1)], &Stage::Confirmed);
    let till = Till::of(&book, none);
    let report = round(&mut book, &till, 60);
    let contact = &report.channels[0];
    assert!(!contact.reads_back && contact.read.is_none() && contact.agree == 0, "{contact:?}");
    let report = reconcile(&mut book, &mut BTreeMap::new(), None, &|| at(70)).unwrap();
    assert_eq!(report.channels[0].problem.as_deref(), Some("channels.toml names it no more"));
}

#[test]
fn a_repair_restores_the_same_offer_and_never_orders_twice() {
    let finding = |kind| Finding {
        channel: "till".into(),
        subject: "s".into(),
        place: None,
        sku: None,
        kind,
        expected: None,
        held: None,
        answer: None,
        generation: 1,
        held_generation: None,
        key: None,
        after: None,
        found: at(0),
    };
    let decided = |intent: Intent| Decision { intent, proposal: None, policy: None };
    let limits = endcap_model::hash_bytes(b"today");
    let now = at(3_600);
    let fixed = repair(&finding(Kind::Changed), Some(&decided(offer("milk", 150, 1))), (7, &limits), now).unwrap();
    assert_eq!(fixed.action, Action::ChangeOffer { offer: "easter".into(), price: 150 });
    assert_eq!((fixed.from, fixed.until, fixed.epoch), (at(0), Some(at(86_400)), 7));
    let set = Intent { until: None, ..price("milk", Action::SetPrice { price: 180 }, 1) };
    assert_eq!(repair(&finding(Kind::Missing), Some(&decided(set)), (7, &limits), now).unwrap().from, now);
    let order = price("milk", Action::Order { supplier: "d".into(), pieces: 1, unit_cost: 1 }, 1);
    let late = now + SignedDuration::from_hours(48);
    for (found, decision, at, expected) in [
        (Kind::Extra, None, now, NotRepaired::Extra),
        (Kind::Missing, None, now, NotRepaired::Over),
        (Kind::Missing, Some(decided(order)), now, NotRepaired::Document),
        (Kind::Missing, Some(decided(offer("milk", 150, 1))), late, NotRepaired::Over),
    ] {
        assert_eq!(repair(&finding(found), decision.as_ref(), (7, &limits), at), Err(expected));
    }
}
