//! The rest of a plan that was planned anew, kept as the jobs on a plan keep theirs.

use super::{Bench, Changed, JobError, changed_name, model_name, plan_name};
use crate::flight::Amendment;
use crate::plan::Draft;
use endcap_model::Event;

impl Bench<'_> {
    /// Keeps the rest of a plan that was planned anew, as the jobs on a plan keep theirs; the event that is returned puts it before
    /// the simulated worlds and policy.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be kept.
    pub fn revised(&mut self, amendment: &Amendment) -> Result<Event, JobError> {
        let Amendment { plan, proposal, fitted, baseline, demand, projection, before, .. } = amendment;
        let Some(former) = plan.parent.clone() else {
            return Err(JobError::Missing(format!("the plan that {} takes over from", plan.id)));
        };
        let model = self.save_hashed(model_name, fitted)?;
        let forecast = self.save_hashed(|hash| format!("forecasts/{}.json", hash.short()), baseline)?;
        self.save(&changed_name(&forecast), &Changed::default())?;
        let draft = Draft {
            id: plan.id.clone(),
            snapshot: plan.snapshot.clone(),
            model: model.clone(),
            forecast: forecast.clone(),
            as_of: plan.as_of,
            proposal: proposal.clone(),
        };
        self.save(&plan_name(&plan.id, "proposal"), &draft)?;
        self.save(&plan_name(&plan.id, "forecast"), demand)?;
        self.save(&plan_name(&plan.id, "overridden"), &Changed::default())?;
        self.save(&plan_name(&plan.id, "projection"), projection)?;
        self.save(&plan_name(&plan.id, "before"), before)?;
        self.save(&plan_name(&plan.id, "plan"), plan)?;
        let (value, bound) = (plan.report.value, plan.report.bound);
        Ok(Event::Revised {
            plan: plan.id.clone(),
            former,
            snapshot: plan.snapshot.clone(),
            model,
            forecast,
            value,
            bound,
        })
    }
}
