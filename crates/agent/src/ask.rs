//! Ask: what people are asked for when a plan needs them, and what it is held against when it goes out.

use endcap_govern::approval::Chain;
use endcap_model::{
    ContentHash, Currency, Decision, Plan, PlanId, Policy, Scenario, Sku, SnapshotId, Verdict, hash_json,
};
use std::collections::BTreeMap;

/// Category of items whose facts name none.
const NO_CATEGORY: &str = "without a category";

/// A plan that needs people, with all that an approval of it holds for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// The plan.
    pub plan: PlanId,
    /// Hash of everything in it.
    pub proposal: ContentHash,
    /// Hash of the limits that it was made under.
    pub limits: ContentHash,
    /// Hash of the policy that it was judged under.
    pub policy: ContentHash,
    /// Facts that it was made from.
    pub data: SnapshotId,
    /// Who has to sign.
    pub chain: Chain,
    /// Money that it gives away by category, in minor units.
    pub money: BTreeMap<String, i64>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Why people are asked.
    pub reasons: Vec<String>,
}

/// Hashes the limits on a plan that are not the policy's own: those of the scenario, and those of each thing that is sent.
pub fn limits_hash(scenario: &Scenario, policy: &Policy) -> ContentHash {
    hash_json(&(&scenario.limits, &policy.gate))
}

/// Says what people are asked for; nothing where policy asks nobody, or names nobody who could be asked.
pub fn asking(
    plan: &Plan,
    decision: &Decision,
    category: impl Fn(&Sku) -> Option<String>,
    scenario: &Scenario,
    policy: &Policy,
) -> Option<Asking> {
    let Verdict::NeedsPerson { reasons } = &decision.verdict else { return None };
    let mut money: BTreeMap<String, i64> = BTreeMap::new();
    for explained in &plan.report.offers {
        let category = category(&explained.offer.sku).unwrap_or_else(|| NO_CATEGORY.to_owned());
        let given = money.entry(category).or_default();
        *given = given.saturating_add(explained.spend.max(0));
    }
    Some(Asking {
        plan: plan.id.clone(),
        proposal: decision.content.clone(),
        limits: limits_hash(scenario, policy),
        policy: decision.policy.clone(),
        data: plan.snapshot.clone(),
        chain: policy.approval.clone()?,
        money,
        currency: plan.currency,
        reasons: reasons.clone(),
    })
}
