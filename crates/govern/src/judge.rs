//! The verdict: refused when a limit breaks, a person where the policy wants one, approved otherwise.

use crate::limits::{Case, asks_a_person, breaches};
use crate::plan_hash;
use endcap_model::{Autonomy, ContentHash, Decision, Policy, Verdict, hash_json};

/// Judges a plan: what policy says of exactly this content.
pub fn judge(case: &Case, policy: &Policy) -> Decision {
    let breaches = breaches(case, policy);
    let verdict = if breaches.is_empty() { allow(case, policy) } else { Verdict::Refused { breaches } };
    Decision { content: plan_hash(case.plan), policy: policy_hash(policy), verdict, signed: None }
}

/// Hashes a policy, so that a decision names the one it was made under.
pub fn policy_hash(policy: &Policy) -> ContentHash {
    hash_json(policy)
}

fn allow(case: &Case, policy: &Policy) -> Verdict {
    let mut reasons = Vec::new();
    if policy.autonomy < Autonomy::Act {
        reasons.push(format!("policy {} does not let the machine act without a person", policy.version));
    }
    if asks_a_person(case, policy) {
        reasons.push("the plan gives away more than policy lets pass without a named person (person_above)".into());
    }
    if reasons.is_empty() { Verdict::Approved } else { Verdict::NeedsPerson { reasons } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Stress, Terms};
    use crate::{NotApproved, approve};
    use endcap_model::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn policy() -> Policy {
        Policy {
            version: "1".into(),
            autonomy: Autonomy::Act,
            depth_max: 0.5,
            margin_rate_min: 0.05,
            spend_max: 1000.0,
            stockout_probability_max: 0.1,
            promoted_share_max: 0.5,
            tail_value_min: -100.0,
            person_above: 500.0,
            overrides_need_approval: false,
            rise: vec![],
            gate: None,
            approval: None,
            rollout: None,
            veto_minutes: None,
        }
    }

    fn plan(depth: f64) -> Plan {
        let span = Span::of_length(Period(100), 7);
        let offer = Offer {
            sku: "milk".into(),
            place: "north".into(),
            span: Span::of_length(Period(101), 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share(depth).unwrap(),
            support: Support::default(),
        };
        Plan {
            id: "p".into(),
            parent: None,
            objectives: None,
            snapshot: "s".into(),
            as_of: AsOf("2024-06-26T00:00:00Z".parse().unwrap()),
            calendar: Calendar::Day,
            span,
            currency: Currency::EUR,
            offers: vec![offer],
            orders: vec![],
            transfers: vec![],
            report: PlanReport {
                objective: "full".into(),
                goal: "max_margin".into(),
                outcomes: Outcomes::default(),
                value: 1,
                bound: 1,
                gap: 0.0,
                status: SolveStatus::Optimal,
                pnl: ProfitAndLoss::default(),
                page_value: 0,
                limits: vec![],
                offers: vec![],
                rejected: vec![],
                references: vec![],
            },
        }
    }

    fn terms() -> BTreeMap<Sku, Terms> {
        [("milk".into(), Terms { list_price: 200, unit_cost: 100 })].into()
    }

    fn case<'a>(plan: &'a Plan, terms: &'a BTreeMap<Sku, Terms>) -> Case<'a> {
        let stress = Stress { stockout_rate_promoted: 0.02, tail_value: 1000.0 };
        Case { plan, terms, item_places: 10, stress, spend: 10_000 }
    }

    fn broken(case: &Case, policy: &Policy) -> Vec<String> {
        match judge(case, policy).verdict {
            Verdict::Refused { breaches } => breaches.into_iter().map(|breach| breach.limit).collect(),
            _ => vec![],
        }
    }

    #[test]
    fn a_plan_inside_every_limit_is_approved() {
        let (plan, terms) = (plan(0.2), terms());
        let decision = judge(&case(&plan, &terms), &policy());
        assert_eq!(decision.verdict, Verdict::Approved);
        assert!(approve(plan, &decision, &policy()).is_ok());
    }

    #[test]
    fn autonomy_below_propose_refuses_and_below_act_asks() {
        let (plan, terms) = (plan(0.2), terms());
        for autonomy in [Autonomy::Halted, Autonomy::Advise] {
            assert_eq!(broken(&case(&plan, &terms), &Policy { autonomy, ..policy() }), ["autonomy"]);
        }
        for autonomy in [Autonomy::Propose, Autonomy::ActWithVeto] {
            let decision = judge(&case(&plan, &terms), &Policy { autonomy, ..policy() });
            assert!(matches!(decision.verdict, Verdict::NeedsPerson { .. }));
        }
    }

    #[test]
    fn each_limit_refuses_alone() {
        let (shallow, deep, terms) = (plan(0.2), plan(0.49), terms());
        let base = policy();
        assert_eq!(broken(&case(&shallow, &terms), &Policy { depth_max: 0.1, ..base.clone() }), ["depth_max"]);
        assert_eq!(broken(&case(&deep, &terms), &base), ["margin_rate_min"]);
        assert_eq!(broken(&Case { spend: 100_001, ..case(&shallow, &terms) }, &base), ["spend_max"]);
        assert_eq!(broken(&Case { item_places: 1, ..case(&shallow, &terms) }, &base), ["promoted_share_max"]);
        let short = Stress { stockout_rate_promoted: 0.2, tail_value: 0.0 };
        assert_eq!(broken(&Case { stress: short, ..case(&shallow, &terms) }, &base), ["stockout_probability_max"]);
        let bad = Stress { stockout_rate_promoted: 0.0, tail_value: -10_001.0 };
        assert_eq!(broken(&Case { stress: bad, ..case(&shallow, &terms) }, &base), ["tail_value_min"]);
    }

    #[test]
    fn what_is_missing_or_not_a_number_refuses() {
        let (plan, terms) = (plan(0.2), terms());
        assert_eq!(broken(&case(&plan, &BTreeMap::new()), &policy()), ["margin_rate_min"]);
        let nan = Stress { stockout_rate_promoted: f64::NAN, tail_value: f64::NAN };
        let limits = broken(&Case { stress: nan, ..case(&plan, &terms) }, &policy());
        assert_eq!(limits, ["stockout_probability_max", "tail_value_min"]);
        let hollow = Policy { depth_max: f64::NAN, spend_max: f64::NAN, ..policy() };
        assert_eq!(broken(&case(&plan, &terms), &hollow), ["depth_max", "spend_max"]);
    }

    #[test]
    fn two_offers_for_one_cell_are_refused() {
        let mut plan = plan(0.2);
        plan.offers.push(plan.offers[0].clone());
        assert_eq!(broken(&case(&plan, &terms()), &policy()), ["one offer at a time"]);
    }

    #[test]
    fn a_person_is_asked_above_the_limit_and_signs_exactly_this_plan() {
        let (plan, terms) = (plan(0.2), terms());
        let case = Case { spend: 60_000, ..case(&plan, &terms) };
        let decision = judge(&case, &policy());
        assert!(matches!(&decision.verdict, Verdict::NeedsPerson { reasons } if reasons.len() == 1));
        assert_eq!(approve(plan.clone(), &decision, &policy()).unwrap_err(), NotApproved::Unsigned);

        let sign = |content: &ContentHash| SignOff {
            person: "Ada".into(),
            content: content.clone(),
            policy: policy_hash(&policy()),
        };
        let signed = Decision { signed: Some(sign(&decision.content)), ..decision.clone() };
        assert!(approve(plan.clone(), &signed, &policy()).is_ok());

        let mut edited = plan.clone();
        edited.offers[0].depth = Depth::from_share(0.25).unwrap();
        assert_eq!(approve(edited, &signed, &policy()).unwrap_err(), NotApproved::OtherContent);
        let stricter = Policy { spend_max: 1.0, ..policy() };
        assert_eq!(approve(plan, &signed, &stricter).unwrap_err(), NotApproved::OtherPolicy);
    }

    proptest! {
        #[test]
        fn no_offer_past_depth_or_floor_is_ever_approved(
            depth in 0.01f64..0.99, depth_max in 0.0f64..1.0, floor in 0.0f64..1.0, cost in 0i64..200,
        ) {
            let plan = plan(depth);
            let terms: BTreeMap<Sku, Terms> = [("milk".into(), Terms { list_price: 200, unit_cost: cost })].into();
            let policy = Policy { depth_max, margin_rate_min: floor, ..policy() };
            let decision = judge(&case(&plan, &terms), &policy);
            let depth = plan.offers[0].depth.share();
            let paid = 200.0 * (1.0 - depth);
            let fits = depth <= depth_max && (paid - cost as f64) / paid >= floor - 1e-9;
            prop_assert_eq!(decision.verdict == Verdict::Approved, fits);
        }
    }
}
