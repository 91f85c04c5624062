//! What a new estimate says differently from the one before.

use endcap_model::{EffectKind, EffectStatus, Estimate, LiftModel, Sku};
use serde::{Deserialize, Serialize};

/// An effect that is seen otherwise than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectChange {
    /// The item.
    pub sku: Sku,
    /// Its effect.
    pub effect: EffectKind,
    /// What was estimated before.
    pub before: Estimate,
    /// What is estimated now.
    pub after: Estimate,
    /// The sentence for people.
    pub why: String,
}

/// Factor between the widths of two intervals from which one is told to be narrower.
const NARROWER: f64 = 1.5;

/// Lists the effects whose status changed, whose estimate left the interval that it had before, or whose interval is much
/// narrower or wider.
pub fn changes(before: &LiftModel, after: &LiftModel) -> Vec<EffectChange> {
    let mut found = Vec::new();
    for new in &after.responses {
        let Some(old) = before.response(&new.sku) else { continue };
        for effect in EffectKind::ALL {
            let (was, is) = (old.effect(effect), new.effect(effect));
            if let Some(why) = why(was, is) {
                found.push(EffectChange { sku: new.sku.clone(), effect, before: was.clone(), after: is.clone(), why });
            }
        }
    }
    found
}

fn why(was: &Estimate, is: &Estimate) -> Option<String> {
    let kind = |status: &EffectStatus| std::mem::discriminant(status);
    if kind(&was.status) != kind(&is.status) {
        return Some(format!("was {}; is {}", was.status, is.status));
    }
    let left = !(was.lo95..=was.hi95).contains(&is.mean);
    if left {
        return Some(format!("left its interval of {:.2} to {:.2}", was.lo95, was.hi95));
    }
    let times = was.se / is.se;
    let changed = times.is_finite() && !(1.0 / NARROWER..=NARROWER).contains(&times);
    changed.then(|| {
        if times > 1.0 {
            format!("its interval is {times:.1} times narrower")
        } else {
            format!("its interval is {:.1} times wider", 1.0 / times)
        }
    })
}
