//! Jobs about models: what new facts say of the champion, what the registry keeps, and what the gate rests on.

use super::{Bench, JobError, model_name};
use crate::learn::{self, RefitRules};
use crate::registry::Registry;
use crate::step::State;
use endcap_demand::{Backtest, Contest, Fitted};
use endcap_govern::succession::Rules;
use endcap_model::{ContentHash, Event, SnapshotId, hash_bytes};

impl Bench<'_> {
    /// Returns the newest scores that say something of the champion: those of these facts, else of the facts that it was
    /// fitted to; a note where it was never scored.
    ///
    /// # Errors
    /// [`JobError`] when scores are there and cannot be read.
    pub fn backtest_behind(&self, state: &State) -> Result<Backtest, JobError> {
        let own = state.models.champion().and_then(|champion| champion.made.snapshot.as_ref());
        for snapshot in state.snapshot.iter().chain(own) {
            if let Some(scored) = self.load(&format!("backtests/{snapshot}.json"))? {
                return Ok(scored);
            }
        }
        Ok(Backtest::without_scores(
            "The champion was not fitted by the loop, which alone scores forecasts of the past.".into(),
        ))
    }

    /// Watches with the champion as it is kept.
    pub(super) fn watch(
        &mut self,
        snapshot: &SnapshotId,
        champion: &ContentHash,
        models: &Registry,
    ) -> Result<Event, JobError> {
        let (facts, fitted) = (self.facts(snapshot)?, self.fitted_as_named(champion)?);
        let unusable = |reason| JobError::Champion { model: champion.short().to_owned(), reason };
        let fitted = fitted.map_err(unusable)?;
        (self.progress)("watch", 0, 1);
        let rules = RefitRules::usual(facts.panel.calendar());
        let watched = learn::watched(snapshot, &fitted, models, &facts.panel, rules);
        (self.progress)("watch", 1, 1);
        let watched = watched.ok_or_else(|| JobError::Missing("a champion".to_owned()))?;
        Ok(Event::Watched { watched: Box::new(watched) })
    }

    pub(super) fn register(
        &mut self,
        snapshot: &SnapshotId,
        model: &ContentHash,
        parent: Option<ContentHash>,
    ) -> Result<Event, JobError> {
        let fitted = self.fitted(model)?;
        let own = fitted.lift.snapshot.clone().unwrap_or_else(|| snapshot.clone());
        let (facts, backtest) = (self.facts(&own)?, self.backtest_of(snapshot)?);
        let entry = learn::registered(model.clone(), &fitted, &facts.panel, ("loop", parent), Some(&backtest));
        Ok(Event::Registered { entry: Box::new(entry) })
    }

    pub(super) fn contest(
        &mut self,
        snapshot: &SnapshotId,
        champion: Option<&ContentHash>,
        challenger: &ContentHash,
    ) -> Result<Event, JobError> {
        let facts = self.facts(snapshot)?;
        let in_use = champion.map(|champion| self.fitted(champion)).transpose()?;
        (self.progress)("gate", 0, 1);
        let read = self.fitted_as_named(challenger)?;
        let (mut contested, found) = learn::contested(
            snapshot,
            champion.zip(in_use.as_deref()),
            (challenger, read.as_ref().map_err(Clone::clone)),
            &facts.panel,
            &Rules::default(),
        );
        if let Some(found) = found {
            contested.contest = Some(self.save_hashed(contest_name, &found)?);
        }
        (self.progress)("gate", 1, 1);
        Ok(Event::Contested { contested: Box::new(contested) })
    }

    /// A model as its file holds it, or why the file cannot be used: gone, unreadable, or changed since it was named.
    fn fitted_as_named(&self, model: &ContentHash) -> Result<Result<Fitted, String>, JobError> {
        let name = model_name(model);
        let Some(bytes) = self.artifacts.get(&name)? else { return Ok(Err(format!("its file {name} is gone"))) };
        if hash_bytes(&bytes) != *model {
            return Ok(Err(format!("its file {name} was changed since it was fitted")));
        }
        Ok(serde_json::from_slice(&bytes).map_err(|error| format!("its file {name} cannot be read: {error}")))
    }

    /// Returns the comparison that a look of the gate rests on.
    ///
    /// # Errors
    /// [`JobError`] when it is not there.
    pub fn contest_of(&self, contest: &ContentHash) -> Result<Contest, JobError> {
        self.need(&contest_name(contest))
    }
}

/// File of a comparison below the project's folder.
pub fn contest_name(contest: &ContentHash) -> String {
    format!("contests/{}.json", contest.short())
}
