//! Succeed: what becomes of offers that were decided for a plan once another has taken over.
//!
//! What both promise alike and a channel has, or is being told, stays as it is. All else that reaches into the new plan's time is
//! taken back: void where no channel was told of it, withdrawn where it has not begun, ended when the new plan begins where it runs.
//! What still waited is decided anew for the new plan, whose roll-out its stages belong to. Pure.

use crate::outbox::{Decided, Everything, Revision, Shelf, Voided, Waits, shelf};
use crate::revert::in_effect;
use crate::rollout::{Step, plan_of, recorded};
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Action, Intent};
use endcap_model::Place;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A plan that takes over.
pub struct Succession<'a> {
    /// Its name.
    pub plan: &'a str,
    /// The prices that it asks of channels.
    pub wanted: &'a [Intent],
    /// Whether one of them waits for something beside its time.
    pub waits: &'a dyn Fn(&Intent) -> bool,
    /// When it begins at a place.
    pub begins: &'a dyn Fn(&Place) -> Timestamp,
    /// Who acts.
    pub by: &'a str,
    /// On what.
    pub grounds: &'a Grounds,
    /// The present time.
    pub now: Timestamp,
}

impl Succession<'_> {
    /// Numbers of the wanted prices that a channel has, or is being told, from a plan before.
    pub fn kept(&self, all: &Everything) -> BTreeSet<usize> {
        in_effect(all, self.now)
            .filter(|(_, intent)| self.is_former(intent))
            .filter_map(|(_, it)| self.same(it))
            .collect()
    }

    /// Says what is to change.
    pub fn revision(&self, all: &Everything) -> Revision {
        let mut revision = Revision::default();
        let reason = format!("plan {} took over", self.plan);
        let former = in_effect(all, self.now).filter(|(_, intent)| self.is_former(intent));
        for (known, intent) in former.filter(|(_, intent)| self.same(intent).is_none()) {
            // What begins with the new plan or later is withdrawn now; what runs, or is to run before, ends when that begins.
            let at = if intent.from >= self.begin(intent) { self.now } else { self.begin(intent) };
            let offer = intent.action.offer().unwrap_or_default().to_owned();
            let action = Action::EndOffer { offer, price: intent.action.price().unwrap_or(1) };
            let end = Intent { action, from: at, until: None, shown: Default::default(), ..intent.clone() };
            let by = (Told::open(self.by), self.grounds);
            let mut end = Decided::of((end, Waits::default()), known.message.subject.clone(), at, by);
            end.record.reasons = vec![Told::open(&reason)];
            revision.decide.push(end);
        }
        // The end of an offer goes with its beginning.
        let waiting = || all.waiting.iter().filter(|one| one.void.is_none());
        let starts = waiting().filter(|one| self.is_former(&one.intent));
        let gone: BTreeSet<Shelf> = starts.map(|one| shelf(&one.intent)).collect();
        for one in waiting().filter(|one| gone.contains(&shelf(&one.intent))) {
            revision.void.push(Voided::of(one, Told::open(self.by), &reason, vec![]));
        }
        // Stores are not expected any more to do what that plan expected of them.
        for rollout in all.rollouts.iter().filter(|one| one.plan != self.plan && one.stopped.is_none()) {
            let step = Step::Stopped { plan: rollout.plan.clone(), at: self.now, reason: reason.clone() };
            revision.steps.push((step.clone(), recorded(&step, Told::open(self.by))));
        }
        revision
    }

    /// Whether it is an offer of another plan that reaches into this one's time.
    fn is_former(&self, intent: &Intent) -> bool {
        let of_another = intent.action.offer().and_then(plan_of).is_some_and(|plan| plan != self.plan);
        let reaches = intent.until.is_none_or(|until| self.begin(intent) < until);
        of_another && intent.action.new_price().is_some() && reaches
    }

    /// From when on this plan says what holds for it.
    fn begin(&self, intent: &Intent) -> Timestamp {
        (self.begins)(&intent.place).max(self.now)
    }

    /// The number of the wanted price that is the same from then on.
    fn same(&self, intent: &Intent) -> Option<usize> {
        let begin = self.begin(intent);
        let is_same = |wanted: &Intent| {
            (&wanted.sku, &wanted.place, &wanted.channel) == (&intent.sku, &intent.place, &intent.channel)
                && (wanted.from.max(begin), wanted.until) == (intent.from.max(begin), intent.until)
                && wanted.action.new_price() == intent.action.new_price()
        };
        let found = self.wanted.iter().position(is_same)?;
        (!(self.waits)(&self.wanted[found])).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Known, Message, Stage, Waiting};
    use endcap_govern::gate::Inputs;
    use endcap_model::{Currency, hash_bytes};

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(1_772_323_200 + number * 86_400).unwrap()
    }

    fn offer(name: &str, sku: &str, (from, until): (i64, i64)) -> Intent {
        Intent {
            action: Action::StartOffer { offer: name.into(), price: 180 },
            sku: sku.into(),
            category: "drinks".into(),
            place: "north".into(),
            channel: "till".into(),
            tenant: "shop".into(),
            agent: "endcap".into(),
            currency: Currency::EUR,
            from: day(from),
            until: Some(day(until)),
            generation: 1,
            epoch: 3,
            limits: hash_bytes(b"limits"),
            inputs: Inputs { snapshot: "old".into(), known_at: day(0), quarantined: false, personal_data: false },
            shown: Default::default(),
        }
    }

    /// What the channel has, and what waits.
    fn everything(told: &[Intent], waiting: &[Intent]) -> Everything {
        let known = |intent: &Intent| {
            let message = Message::about(intent, format!("offer {}", intent.action.offer().unwrap()));
            (Known { stage: Stage::Confirmed, tries: 1, ..Known::decided(message, day(0)) }, intent.clone())
        };
        let waits = |(number, intent): (i64, &Intent)| Waiting {
            number,
            intent: intent.clone(),
            subject: "price".to_owned(),
            due: Some(intent.from),
            waits: Waits::default(),
            void: None,
            told: None,
        };
        Everything {
            messages: told.iter().map(known).collect(),
            waiting: (1..).zip(waiting).map(waits).collect(),
            ..Everything::default()
        }
    }

    fn end_of(intent: &Intent) -> Intent {
        let action = Action::EndOffer { offer: intent.action.offer().unwrap().to_owned(), price: 1 };
        Intent { action, from: intent.until.unwrap(), until: None, ..intent.clone() }
    }

    /// A plan that begins on the seventh day takes over on the third; returns what it keeps, ends and voids.
    fn taken_over(
        wanted: &[Intent],
        narrowed: &str,
        all: &Everything,
    ) -> (Vec<usize>, Vec<(String, Timestamp)>, Vec<i64>) {
        let grounds = Grounds::default();
        let succession = Succession {
            plan: "new",
            wanted,
            waits: &|intent| intent.sku.as_str() == narrowed,
            begins: &|_| day(7),
            by: "endcap",
            grounds: &grounds,
            now: day(3),
        };
        let Revision { decide, void, .. } = succession.revision(all);
        let ended = decide.iter().map(|one| {
            assert!(one.intent.action.only_reverts() && one.due == one.intent.from && one.intent.until.is_none());
            (one.intent.action.offer().unwrap().to_owned(), one.due)
        });
        (succession.kept(all).into_iter().collect(), ended.collect(), void.iter().map(|one| one.number).collect())
    }

    #[test]
    fn what_both_plans_promise_stays_and_the_rest_is_withdrawn_or_ends_when_the_new_one_begins() {
        let [beer, wine] = [("old-1", "beer"), ("old-2", "wine")].map(|(name, sku)| offer(name, sku, (7, 14)));
        let (runs, over) = (offer("old-3", "milk", (0, 14)), offer("old-4", "eggs", (0, 7)));
        let all = everything(&[beer.clone(), wine, runs, over], &[]);
        let wanted = [offer("new-1", "beer", (7, 14)), offer("new-2", "ham", (7, 14))];
        let (kept, ended, void) = taken_over(&wanted, "", &all);
        assert_eq!((kept, void), (vec![0], vec![]));
        let [withdrawn, ends] = ["old-2", "old-3"].map(str::to_owned);
        assert_eq!(ended, [(withdrawn, day(3)), (ends, day(7))]);
        let (kept, ended, _) = taken_over(&wanted, "beer", &all);
        assert_eq!(
            (kept.len(), ended.len()),
            (0, 3),
            "one that has to wait for stock is not the one that was promised"
        );
    }

    #[test]
    fn what_runs_on_at_the_same_price_is_the_same_offer() {
        let all = everything(&[offer("old-1", "beer", (0, 14))], &[]);
        assert_eq!(taken_over(&[offer("new-1", "beer", (7, 14))], "", &all), (vec![0], vec![], vec![]));
        let longer = [offer("new-1", "beer", (7, 21))];
        assert_eq!(taken_over(&longer, "", &all), (vec![], vec![("old-1".to_owned(), day(7))], vec![]));
        let mut dearer = offer("new-1", "beer", (7, 14));
        dearer.action = Action::StartOffer { offer: "new-1".into(), price: 190 };
        assert_eq!(taken_over(&[dearer], "", &all).1.len(), 1);
    }

    #[test]
    fn what_waits_is_void_with_its_end_and_what_is_over_before_or_belongs_to_nobodys_plan_is_left_alone() {
        let (later, before) = (offer("old-1", "beer", (7, 14)), offer("old-2", "wine", (4, 7)));
        let (own, foreign) = (offer("new-1", "milk", (7, 14)), offer("by hand", "eggs", (7, 14)));
        let waiting = [&later, &end_of(&later), &before, &end_of(&before), &own, &foreign].map(Clone::clone);
        let all = everything(&[], &waiting);
        assert_eq!(taken_over(&[offer("new-2", "beer", (7, 14))], "", &all), (vec![], vec![], vec![1, 2]));
        // The way back of what runs stays where the offer does.
        let runs = offer("old-1", "beer", (0, 14));
        let all = everything(std::slice::from_ref(&runs), &[end_of(&runs)]);
        assert_eq!(taken_over(&[offer("new-1", "beer", (7, 14))], "", &all), (vec![0], vec![], vec![]));
    }
}
