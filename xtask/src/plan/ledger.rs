//! What is known of every instance: the best plan that passed its check and the lowest bound claimed. A bound below a
//! plan, whoever found it, is wrong.

use std::collections::HashMap;

/// Best plans and lowest bounds by instance; values to maximise.
#[derive(Debug, Default)]
pub struct Ledger {
    known: HashMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    plan: Option<Claim>,
    bound: Option<Claim>,
}

#[derive(Clone, Debug)]
struct Claim {
    value: f64,
    by: String,
}

impl Ledger {
    /// Notes a plan that passed its check; says what is wrong when a bound is below it.
    pub fn plan(&mut self, instance: &str, by: &str, value: f64) -> Option<String> {
        let known = self.known.entry(instance.to_owned()).or_default();
        if known.plan.as_ref().is_none_or(|plan| plan.value < value) {
            known.plan = Some(Claim { value, by: by.to_owned() });
        }
        known.clash(instance)
    }

    /// Notes a bound of ours; says what is wrong when it is below a plan.
    pub fn bound(&mut self, instance: &str, by: &str, value: f64) -> Option<String> {
        let known = self.known.entry(instance.to_owned()).or_default();
        if known.bound.as_ref().is_none_or(|bound| bound.value > value) {
            known.bound = Some(Claim { value, by: by.to_owned() });
        }
        known.clash(instance)
    }

    /// Value of the best plan known.
    pub fn best(&self, instance: &str) -> Option<f64> {
        self.known.get(instance)?.plan.as_ref().map(|plan| plan.value)
    }
}

impl Known {
    fn clash(&self, instance: &str) -> Option<String> {
        let (plan, bound) = (self.plan.as_ref()?, self.bound.as_ref()?);
        (bound.value < plan.value).then(|| {
            let (plan_by, bound_by) = (&plan.by, &bound.by);
            format!("{instance}: bound {} ({bound_by}) is below the plan {} ({plan_by})", bound.value, plan.value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_below_any_plan_of_the_instance_is_told_whichever_comes_first() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.bound("a", "ours", 100.0), None);
        assert_eq!(ledger.plan("b", "ours", 200.0), None);
        assert_eq!(ledger.plan("a", "ours", 100.0), None);
        assert!(ledger.plan("a", "HiGHS", 101.0).is_some_and(|told| told.contains("HiGHS")));
        assert!(ledger.bound("b", "ours", 199.0).is_some());
        assert_eq!(ledger.best("a"), Some(101.0));
    }
}
