//! Putting edits in the place of estimates, and showing both.

use super::edit::Edit;
use super::store::{State, Store};
use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, OWN};
use crate::fit::Fitted;
use endcap_model::{EffectKind, EffectStatus, Estimate, LiftModel, Response, Sku};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeSet;

/// An edit beside the estimates that it is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Applied {
    /// The edit.
    pub edit: Edit,
    /// What has become of it.
    #[serde(flatten)]
    pub state: State,
    /// Items that it is for; none when the model lists none of them any more.
    pub items: Vec<AppliedItem>,
}

/// An estimate beside the edit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppliedItem {
    /// The item.
    pub sku: Sku,
    /// What the data say.
    pub estimated: Estimate,
    /// Whether the edit is used in its place.
    pub in_use: bool,
    /// Whether the two intervals have no value in common: one of them is wrong.
    pub contradicts: bool,
}

impl Store {
    /// Puts the edits in force on a day in the place of estimates, and lists every edit beside what the data say.
    ///
    /// Expired, ended and waiting edits are listed and not used. Where items have moved between groups so that two edits
    /// cover one, the earlier is used.
    pub fn apply(&self, lift: &LiftModel, today: Date) -> (LiftModel, Vec<Applied>) {
        let mut used = lift.clone();
        let mut taken: BTreeSet<(EffectKind, Sku)> = BTreeSet::new();
        let applied = self.edits().map(|edit| {
            let state = self.state(edit, today);
            let in_force = matches!(state, State::InForce { .. });
            let covered = used.responses.iter_mut().filter(|response| edit.draft.target.covers(response));
            let items = covered
                .map(|response| {
                    let in_use = in_force && taken.insert((edit.draft.effect, response.sku.clone()));
                    applied_item(edit, lift, response, in_use)
                })
                .collect();
            Applied { edit: edit.clone(), state, items }
        });
        let applied = applied.collect();
        (used, applied)
    }

    /// Does the same to everything that forecasts need.
    pub fn apply_to_fitted(&self, fitted: &Fitted, today: Date) -> (Fitted, Vec<Applied>) {
        let (lift, applied) = self.apply(&fitted.lift, today);
        let mut used = Fitted { lift, ..fitted.clone() };
        for response in &used.lift.responses {
            if response.curve.is_none() {
                used.frame.curves.remove(&response.sku);
            }
            let Ok(at) = used.items.binary_search_by(|item| item.sku.cmp(&response.sku)) else { continue };
            let Some(before) = fitted.lift.response(&response.sku) else { continue };
            for kind in EffectKind::ALL {
                let effect = response.effect(kind);
                if effect != before.effect(kind) {
                    used.items[at].effects[column(kind)] = effect.mean;
                    used.items[at].predictive[column(kind)] = effect.mean;
                    used.items[at].variances[column(kind)] = effect.se * effect.se;
                    used.items[at].edited = true;
                }
            }
        }
        (used, applied)
    }
}

fn applied_item(edit: &Edit, lift: &LiftModel, response: &mut Response, in_use: bool) -> AppliedItem {
    let sku = response.sku.clone();
    let used = slot(response, edit.draft.effect);
    let estimated = lift.response(&sku).map_or_else(|| used.clone(), |found| found.effect(edit.draft.effect).clone());
    let contradicts = edit.draft.hi95 < estimated.lo95 || estimated.hi95 < edit.draft.lo95;
    if in_use {
        *used = as_estimate(edit, estimated.periods_promoted);
        if edit.draft.effect == EffectKind::OwnPrice {
            // What a person sets holds at every depth.
            response.curve = None;
        }
    }
    AppliedItem { sku, estimated, in_use, contradicts }
}

/// An edit in the form of an estimate; borrowed, for it is not the item's own history that carries it.
fn as_estimate(edit: &Edit, periods_promoted: usize) -> Estimate {
    let draft = &edit.draft;
    let reason = format!("set by {} until {} (edit {}): {}", draft.author, draft.expires, edit.id, draft.reason);
    Estimate {
        mean: draft.value,
        se: draft.se(),
        lo95: draft.lo95,
        hi95: draft.hi95,
        periods_promoted,
        status: EffectStatus::Borrowed(reason),
        sensitivity: None,
    }
}

fn slot(response: &mut Response, kind: EffectKind) -> &mut Estimate {
    match kind {
        EffectKind::OwnPrice => &mut response.own_price,
        EffectKind::CrossPrice => &mut response.cross_price,
        EffectKind::Feature => &mut response.feature,
        EffectKind::Display => &mut response.display,
        EffectKind::Dip => &mut response.dip,
    }
}

fn column(kind: EffectKind) -> usize {
    match kind {
        EffectKind::OwnPrice => OWN,
        EffectKind::CrossPrice => CROSS,
        EffectKind::Feature => FEATURE,
        EffectKind::Display => DISPLAY,
        EffectKind::Dip => DIP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coefficients::{Draft, EditRefusal, Target};
    use endcap_model::{Calendar, Depth, Panel, PanelColumns, Period, PlaceEntry, SkuEntry, Span};
    use proptest::prelude::*;

    fn response(sku: &str, group: &str, own: f64) -> Response {
        let estimate = |mean: f64| Estimate {
            mean,
            se: 0.2,
            lo95: mean - 0.4,
            hi95: mean + 0.4,
            periods_promoted: 9,
            status: EffectStatus::Estimated,
            sensitivity: None,
        };
        Response {
            sku: sku.into(),
            group: group.into(),
            share_in_group: 0.5,
            own_price: estimate(own),
            cross_price: estimate(0.3),
            feature: estimate(0.2),
            display: estimate(0.2),
            dip: estimate(-0.1),
            partners: vec![],
            curve: None,
            depth_seen_max: Depth::ZERO,
            further: Default::default(),
        }
    }

    fn model(own: f64) -> LiftModel {
        LiftModel {
            snapshot: None,
            as_of: None,
            span: Span { start: Period(0), end: Period(50) },
            calendar: Calendar::Index,
            code_version: "test".into(),
            seed: 1,
            dip_carry: 0.4,
            responses: vec![response("a", "g", own), response("b", "g", own), response("c", "h", own)],
        }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn draft(target: Target, value: f64) -> Draft {
        Draft {
            effect: EffectKind::OwnPrice,
            target,
            value,
            lo95: value - 0.5,
            hi95: value + 0.5,
            reason: "seen in the test of May".into(),
            author: "Ada".into(),
            made: day("2024-06-01"),
            expires: day("2024-09-01"),
            version: String::new(),
        }
    }

    fn with_edit(target: Target) -> Store {
        let mut store = Store::default();
        store.propose(draft(target, -3.0), &model(-2.0)).unwrap();
        store.approve(1, "Grace", day("2024-06-02")).unwrap();
        store
    }

    fn group(name: &str) -> Target {
        Target::Group(name.into())
    }

    #[test]
    fn an_edit_survives_refits_until_its_day_and_stands_beside_each_estimate() {
        let store = with_edit(group("g"));
        for own in [-2.0, -2.9, -4.5] {
            let (used, applied) = store.apply(&model(own), day("2024-07-01"));
            assert_eq!(used.responses.iter().map(|r| r.own_price.mean).collect::<Vec<_>>(), [-3.0, -3.0, own]);
            assert_eq!(applied[0].items.len(), 2);
            assert!(applied[0].items.iter().all(|item| item.estimated.mean == own && item.in_use));
            assert_eq!(applied[0].items[0].contradicts, own != -2.9, "{own}");
        }
        let (used, applied) = store.apply(&model(-2.0), day("2024-09-01"));
        assert_eq!((used, applied[0].state.clone()), (model(-2.0), State::Expired));
        assert_eq!(applied.len(), 1, "an expired edit is still listed");
    }

    #[test]
    fn forecasts_follow_an_edit() {
        let week = |at: usize| if at.is_multiple_of(5) { (18.0, 0.8) } else { (10.0 + (at % 3) as f64, 1.0) };
        let columns = PanelColumns {
            sku: vec![0; 60],
            place: vec![0; 60],
            period: (0..60).map(Period).collect(),
            units: (0..60).map(|at| week(at).0).collect(),
            price: (0..60).map(|at| week(at).1).collect(),
            base_price: vec![1.0; 60],
            feature: vec![0.0; 60],
            display: vec![0.0; 60],
            stockout_share: vec![0.0; 60],
            controls: vec![],
        };
        let sku = SkuEntry { sku: "a".into(), group: "g".into(), tier: String::new() };
        let place = PlaceEntry { place: "x".into(), region: String::new() };
        let panel = Panel::new(Calendar::Index, vec![sku], vec![place], columns).unwrap();
        let fitted = crate::fit(&panel, &crate::FitSettings::default(), &|_, _| {}).unwrap();
        let (used, _) = with_edit(group("g")).apply_to_fitted(&fitted, day("2024-07-01"));
        assert_eq!(used.lift.responses[0].own_price.mean, -3.0);
        let promoted = panel.within(Span { start: Period(55), end: Period(56) });
        let lift = |fitted: &Fitted| {
            let row = crate::forecast(fitted, &panel, &promoted, &[0.5]).unwrap().rows.remove(0);
            (row.mean / row.baseline).ln() / 0.8_f64.ln()
        };
        assert!((lift(&used) + 3.0).abs() < 1e-9, "{}", lift(&used));
        assert!((-2.9..-1.9).contains(&lift(&fitted)), "{}", lift(&fitted));
    }

    #[test]
    fn nothing_is_used_before_somebody_else_approves_it() {
        let mut store = Store::default();
        store.propose(draft(Target::Sku("a".into()), -3.0), &model(-2.0)).unwrap();
        let today = day("2024-06-02");
        assert_eq!(store.apply(&model(-2.0), today).0, model(-2.0));
        let own = store.approve(1, " ada ", today).unwrap_err();
        assert_eq!(own, EditRefusal::OwnEdit { id: 1, by: "ada".into() });
        assert!(matches!(store.approve(1, "", today), Err(EditRefusal::Blank { .. })));
        assert!(matches!(store.approve(2, "Grace", today), Err(EditRefusal::NoSuchEdit { id: 2 })));
        store.approve(1, "Grace", today).unwrap();
        assert!(matches!(store.approve(1, "Grace", today), Err(EditRefusal::State { .. })));
        store.end(1, "Grace", "the pack was changed", today).unwrap();
        assert_eq!(store.apply(&model(-2.0), today).0, model(-2.0));
        assert!(matches!(store.end(1, "Grace", "again", today), Err(EditRefusal::State { .. })));
    }

    #[test]
    fn edits_that_overlap_or_cannot_be_meant_are_refused() {
        let mut store = with_edit(group("g"));
        let lift = model(-2.0);
        let refused = |store: &mut Store, draft: Draft| store.propose(draft, &lift).unwrap_err();
        let overlap = refused(&mut store, draft(Target::Sku("b".into()), -1.0));
        assert!(matches!(overlap, EditRefusal::Overlaps { id: 1, .. }), "{overlap}");
        assert!(matches!(refused(&mut store, draft(Target::Sku("z".into()), -1.0)), EditRefusal::NoSuchItem { .. }));
        assert!(matches!(refused(&mut store, draft(group("h"), 0.5)), EditRefusal::Value { .. }));
        assert!(matches!(refused(&mut store, draft(group("h"), -26.0)), EditRefusal::Value { .. }));
        assert!(matches!(refused(&mut store, draft(group("h"), f64::NAN)), EditRefusal::Value { .. }));
        let early = Draft { expires: day("2024-06-01"), ..draft(group("h"), -1.0) };
        assert!(matches!(refused(&mut store, early), EditRefusal::Dates { .. }));
        let blank = Draft { reason: "  ".into(), ..draft(group("h"), -1.0) };
        assert!(matches!(refused(&mut store, blank), EditRefusal::Blank { .. }));
        let later = Draft { made: day("2024-09-01"), expires: day("2024-10-01"), ..draft(group("g"), -1.0) };
        store.propose(later, &lift).unwrap();
        let other_effect = Draft { effect: EffectKind::Feature, ..draft(Target::Sku("a".into()), 0.4) };
        store.propose(other_effect, &lift).unwrap();
    }

    #[test]
    fn a_log_changed_by_hand_is_refused_at_its_line() {
        let store = with_edit(group("g"));
        let log: Vec<String> = store.entries().iter().map(super::super::Entry::line).collect();
        assert_eq!(Store::read(&log.join("\n")).unwrap(), store);
        let own = log[1].replace("Grace", "Ada");
        assert_eq!(Store::read(&format!("{}\n{own}", log[0])).unwrap_err().line, 2);
        assert_eq!(Store::read(&log[1]).unwrap_err().line, 1);
        assert_eq!(Store::read(&format!("{}\n{}", log[0], log[0])).unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn whatever_is_tried_no_item_has_two_edits_and_the_log_reads_back(
            tries in proptest::collection::vec((0usize..5, 1u32..6, 0usize..3, 1i8..28), 0..30),
        ) {
            let (mut store, lift) = (Store::default(), model(-2.0));
            let targets = [group("g"), group("h"), Target::Sku("a".into())];
            for (what, edit, who, on) in tries {
                let on = Date::new(2024, 6, on).unwrap();
                let by = ["Ada", "Grace", "Alan"][who];
                let expires = Date::new(2024, 7, 1).unwrap();
                let proposed = Draft { made: on, expires, author: by.into(), ..draft(targets[who].clone(), -3.0) };
                let _ = match what {
                    0 | 1 => store.propose(proposed, &lift).map(|_| ()),
                    2 | 3 => store.approve(edit, by, on).map(|_| ()),
                    _ => store.end(edit, by, "over", on).map(|_| ()),
                };
            }
            let (_, applied) = store.apply(&lift, day("2024-06-28"));
            for response in &lift.responses {
                let uses = applied.iter().flat_map(|one| &one.items).filter(|i| i.sku == response.sku && i.in_use);
                prop_assert!(uses.count() <= 1);
            }
            for one in &applied {
                if let State::InForce { approver } = &one.state {
                    prop_assert_ne!(approver, &one.edit.draft.author);
                    prop_assert!(one.items.iter().all(|item| item.in_use));
                }
            }
            let log: Vec<String> = store.entries().iter().map(super::super::Entry::line).collect();
            prop_assert_eq!(Store::read(&log.join("\n")).unwrap(), store);
        }
    }
}
