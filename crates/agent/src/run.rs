//! The loop itself: effects become events, events are journalled, the step decides what follows.

use crate::act;
use crate::jobs::{Bench, JobError};
use crate::ports::{Connector, Journal, PortError};
use crate::step::{Effect, Job, State, step};
use endcap_model::{Event, Policy};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// Nothing is left to do.
    Done,
    /// A named person must sign.
    Asks {
        /// Why.
        reasons: Vec<String>,
    },
    /// The loop refused to go on.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// A run that broke.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something outside did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A job could not be done on its input.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// Runs from an event until nothing is left to do, or until `halt` says that a job is one too far.
///
/// Every event is in the journal before anything follows from it.
///
/// # Errors
/// [`RunError`] when a port fails or a job cannot be done.
pub fn run(
    first: Event,
    bench: &mut Bench,
    policy: &Policy,
    journal: &mut dyn Journal,
    connector: &mut dyn Connector,
    halt: &dyn Fn(&Job) -> bool,
) -> Result<(State, Ended), RunError> {
    let mut state = State::default();
    let mut next = Some(first);
    while let Some(event) = next.take() {
        journal.append(&event)?;
        let (after, effects) = step(state, &event);
        state = after;
        for effect in effects {
            match effect {
                Effect::Run(job) if halt(&job) => return Ok((state, Ended::Done)),
                Effect::Run(job) => next = Some(bench.run(&job)?),
                Effect::Publish { plan } => match publish(&state, bench, &plan, policy, connector)? {
                    Ok(event) => next = Some(event),
                    Err(reason) => return Ok((state, Ended::Stopped { reason })),
                },
                Effect::Ask { reasons, .. } => return Ok((state, Ended::Asks { reasons })),
                Effect::Stop { reason } => return Ok((state, Ended::Stopped { reason })),
            }
        }
    }
    Ok((state, Ended::Done))
}

/// Does what comes before offers are chosen, and no more: for questions about plans, which leave no event in the journal.
/// The inner error says why the loop refused to go on.
///
/// # Errors
/// [`JobError`] when a job cannot be done.
pub fn until_offers_are_chosen(first: Event, bench: &mut Bench) -> Result<Result<State, String>, JobError> {
    let mut state = State::default();
    let mut next = Some(first);
    while let Some(event) = next.take() {
        let (after, effects) = step(state, &event);
        state = after;
        for effect in effects {
            match effect {
                Effect::Run(Job::Solve { .. }) => return Ok(Ok(state)),
                Effect::Run(job) => next = Some(bench.run(&job)?),
                Effect::Stop { reason } => return Ok(Err(reason)),
                Effect::Publish { .. } | Effect::Ask { .. } => {}
            }
        }
    }
    Ok(Ok(state))
}

fn publish(
    state: &State,
    bench: &mut Bench,
    plan: &endcap_model::PlanId,
    policy: &Policy,
    connector: &mut dyn Connector,
) -> Result<Result<Event, String>, RunError> {
    let Some(decision) = &state.decision else { return Ok(Err("no decision stands behind the plan".into())) };
    let plan = bench.plan(plan)?;
    let sent = act::publish((*plan).clone(), decision, policy, connector)?;
    Ok(sent.map_err(|why| format!("plan {} may not go out: {why}", plan.id)))
}
