//! The loop itself: effects become events, events are journalled, the step decides what follows.

use crate::act;
use crate::halt::{Mode, watch};
use crate::jobs::{Bench, JobError};
use crate::ports::{Connector, Journal, PortError};
use crate::registry::Registry;
use crate::step::{Effect, Job, State, step};
use endcap_demand::{RegimeRules, regime_after};
use endcap_model::{Event, Halt, Policy};

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
    /// The plan may go out and did not: the loop runs in shadow.
    Withheld,
    /// The loop is halted: nothing was planned.
    Halted {
        /// Why, by whom, and what still holds.
        halt: Halt,
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
/// Every event is in the journal before anything follows from it. A loop that its journal says is halted does nothing,
/// and one whose new facts lie outside the range that its last forecast knew halts itself.
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
    let known = journal.read()?;
    let mut state = State { mode: Mode::of(&known), models: Registry::of(&known), ..State::default() };
    if let Some(halt) = halts(&state.mode, &first, bench, journal)? {
        return Ok((state, Ended::Halted { halt }));
    }
    let (mut next, mut told) = (Some(first), false);
    while let Some(event) = next.take() {
        journal.append(&event)?;
        let (after, effects) = step(state, &event);
        state = after;
        for effect in effects {
            match effect {
                Effect::Run(job) if halt(&job) => return Ok((state, Ended::Done)),
                Effect::Run(job) => {
                    let job = match bench.held(&job)? {
                        Some((instead, event)) => {
                            if !std::mem::replace(&mut told, true) {
                                journal.append(&event)?;
                            }
                            instead
                        }
                        None => job,
                    };
                    next = Some(bench.run_knowing(&job, &state.models)?);
                }
                Effect::Publish { plan } => match publish(&state, bench, &plan, policy, connector)? {
                    Ok(event) => next = Some(event),
                    Err(reason) => return Ok((state, Ended::Stopped { reason })),
                },
                Effect::Withhold { .. } => return Ok((state, Ended::Withheld)),
                Effect::Ask { reasons, .. } => return Ok((state, Ended::Asks { reasons })),
                Effect::Stop { reason } => return Ok((state, Ended::Stopped { reason })),
            }
        }
    }
    Ok((state, Ended::Done))
}

/// The stop that holds, or that new facts bring about; it is then in the journal.
fn halts(mode: &Mode, first: &Event, bench: &mut Bench, journal: &mut dyn Journal) -> Result<Option<Halt>, RunError> {
    if let Mode::Halted { halt } = mode {
        return Ok(Some(halt.clone()));
    }
    let Event::Ingested { snapshot, .. } = first else { return Ok(None) };
    let events = journal.read()?;
    let (_, Some(forecast)) = crate::halt::last_good(&events) else { return Ok(None) };
    // A forecast that is gone tells nothing; the run makes a new one.
    let Ok(forecast) = bench.forecast(&forecast) else { return Ok(None) };
    let facts = bench.facts(snapshot)?;
    let regime = regime_after(&facts.panel, &forecast, &RegimeRules::default());
    let halt = watch(&events, regime, forecast.calendar);
    if let Some(halt) = &halt {
        journal.append(&Event::Halted { halt: halt.clone() })?;
    }
    Ok(halt)
}

/// Does what comes before offers are chosen, and no more: for questions about plans, which leave no event in the journal, and
/// use the champion as it is. The inner error says why the loop refused to go on.
///
/// # Errors
/// [`JobError`] when a job cannot be done.
pub fn until_offers_are_chosen(
    first: Event,
    bench: &mut Bench,
    models: Registry,
) -> Result<Result<State, String>, JobError> {
    let mut state = State { models, ..State::default() };
    let mut next = Some(first);
    while let Some(event) = next.take() {
        let (after, effects) = step(state, &event);
        state = after;
        for effect in effects {
            match effect {
                Effect::Run(Job::Solve { .. }) => return Ok(Ok(state)),
                // Questions decide nothing: the champion goes on.
                Effect::Run(Job::Watch { snapshot, champion }) => {
                    state.estimates = Some(champion.clone());
                    next = Some(bench.run(&Job::Adjust { snapshot, estimates: champion })?);
                }
                Effect::Run(job) => {
                    let job = bench.held(&job)?.map_or(job, |(instead, _)| instead);
                    next = Some(bench.run_knowing(&job, &state.models)?);
                }
                Effect::Stop { reason } => return Ok(Err(reason)),
                Effect::Publish { .. } | Effect::Withhold { .. } | Effect::Ask { .. } => {}
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
    if let Some(reason) = connector.held() {
        return Ok(Err(format!("plan {plan} is not sent: {reason}")));
    }
    let alarms = state.snapshot.as_ref().map_or_else(|| Ok(vec![]), |snapshot| bench.alarms(snapshot))?;
    if !alarms.is_empty() && decision.signed.is_none() {
        let alarms = alarms.join("; ");
        return Ok(Err(format!("plan {plan} rests on facts under alarm and is not sent without a person: {alarms}")));
    }
    let plan = bench.plan(plan)?;
    let sent = act::publish((*plan).clone(), decision, policy, connector)?;
    Ok(sent.map_err(|why| format!("plan {} may not go out: {why}", plan.id)))
}
