//! The loop's decisions: pure, from a state and an event to a state and effects.
//!
//! Never does I/O, reads a clock, or asks whether it runs live, in shadow, over history or in the twin.

use crate::halt::Mode;
use crate::registry::Registry;
use endcap_model::{ContentHash, Contested, Decision, Event, PlanId, Receipt, SnapshotId, Succession, Verdict};
use serde::{Deserialize, Serialize};

/// Everything the loop has to remember between two events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What the loop may do at all.
    #[serde(default)]
    pub mode: Mode,
    /// Every model there is, and which of them is champion.
    #[serde(default)]
    pub models: Registry,
    /// Facts that the loop works on.
    pub snapshot: Option<SnapshotId>,
    /// The model that was fitted to these facts.
    #[serde(default)]
    pub fitted: Option<ContentHash>,
    /// What is taken for the effects: the champion.
    #[serde(default)]
    pub estimates: Option<ContentHash>,
    /// Lift model to use: the estimates with what people know better.
    pub model: Option<ContentHash>,
    /// Baseline forecast under this model.
    pub forecast: Option<ContentHash>,
    /// The plan at hand.
    pub plan: Option<PlanId>,
    /// What the twin said of it.
    pub outcome: Option<ContentHash>,
    /// What policy said of it.
    pub decision: Option<Decision>,
    /// Where it went.
    pub receipt: Option<Receipt>,
}

/// A piece of work, as data: it names its input, so that any machine gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Judge whether the facts can carry estimates.
    Check {
        /// The facts.
        snapshot: SnapshotId,
    },
    /// Set new facts beside what the champion expects of them.
    Watch {
        /// The facts.
        snapshot: SnapshotId,
        /// The champion.
        champion: ContentHash,
    },
    /// Keep in the registry how a model came to be.
    Register {
        /// The facts.
        snapshot: SnapshotId,
        /// The model.
        model: ContentHash,
        /// The champion at the time.
        parent: Option<ContentHash>,
    },
    /// Compare a challenger with the champion, and rule.
    Contest {
        /// The facts.
        snapshot: SnapshotId,
        /// The champion; nothing for the first model.
        champion: Option<ContentHash>,
        /// The challenger.
        challenger: ContentHash,
    },
    /// Estimate effects.
    Fit {
        /// The facts.
        snapshot: SnapshotId,
    },
    /// Score the forecast on history that it has not seen.
    Backtest {
        /// The facts.
        snapshot: SnapshotId,
    },
    /// Put what people know better in the place of estimates.
    Adjust {
        /// The facts, whose first unknown day says which of it is in force.
        snapshot: SnapshotId,
        /// The estimates.
        estimates: ContentHash,
    },
    /// Forecast demand without promotions.
    Forecast {
        /// The facts.
        snapshot: SnapshotId,
        /// The lift model.
        model: ContentHash,
    },
    /// Project stock without promotions.
    Project {
        /// The facts.
        snapshot: SnapshotId,
        /// The baseline forecast.
        forecast: ContentHash,
    },
    /// Choose offers.
    Solve {
        /// The facts.
        snapshot: SnapshotId,
        /// The lift model.
        model: ContentHash,
        /// The baseline forecast.
        forecast: ContentHash,
    },
    /// Raise the orders behind the offers.
    Supply {
        /// The plan.
        plan: PlanId,
    },
    /// Try the plan in simulated worlds.
    Simulate {
        /// The plan.
        plan: PlanId,
    },
    /// Ask policy.
    Judge {
        /// The plan.
        plan: PlanId,
        /// What the simulated worlds said.
        outcome: ContentHash,
    },
}

/// What the loop wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Do a job; its result comes back as an event.
    Run(Job),
    /// Hand an approved plan to the connector.
    Publish {
        /// The plan.
        plan: PlanId,
    },
    /// Keep an approved plan in the house: the loop runs in shadow.
    Withhold {
        /// The plan.
        plan: PlanId,
    },
    /// Ask a named person to sign.
    Ask {
        /// The plan.
        plan: PlanId,
        /// Why a person is asked.
        reasons: Vec<String>,
    },
    /// Go no further.
    Stop {
        /// Why.
        reason: String,
    },
}

/// Takes one event and says what follows. An event that was taken before has no further effect.
pub fn step(mut state: State, event: &Event) -> (State, Vec<Effect>) {
    state.mode = state.mode.after(event);
    state.models.take(event);
    if let Mode::Halted { halt } = &state.mode {
        let reason = format!("halted by {}: {}", halt.by, halt.reason);
        return (state, stop(&reason));
    }
    let effects = match event {
        Event::Halted { .. } | Event::Resumed { .. } | Event::Held { .. } | Event::Appointed { .. } => vec![],
        Event::Ingested { snapshot, .. } if state.snapshot.as_ref() == Some(snapshot) => vec![],
        Event::Ingested { snapshot, .. } => {
            state =
                State { mode: state.mode, models: state.models, snapshot: Some(snapshot.clone()), ..State::default() };
            run(Job::Check { snapshot: snapshot.clone() })
        }
        Event::Checked { ready: 0, .. } => {
            stop("no category can be estimated from; `endcap check` says what is missing")
        }
        Event::Checked { .. } => match champion(&state) {
            None => on_snapshot(&state, |snapshot| Job::Fit { snapshot }),
            Some(champion) => on_snapshot(&state, |snapshot| Job::Watch { snapshot, champion }),
        },
        // Another fit, whatever asks for it, makes a challenger and changes nothing by itself.
        Event::Watched { watched } if watched.refit.is_some() => on_snapshot(&state, |snapshot| Job::Fit { snapshot }),
        Event::Watched { .. } => contest(&mut state),
        Event::Fitted { model } if state.fitted.as_ref() == Some(model) => vec![],
        Event::Fitted { model } => {
            state.fitted = Some(model.clone());
            on_snapshot(&state, |snapshot| Job::Backtest { snapshot })
        }
        Event::Backtested { .. } => register(&mut state),
        Event::Registered { .. } => contest(&mut state),
        Event::Contested { contested } => contested_by(&mut state, contested),
        Event::Adjusted { model, .. } if state.model.as_ref() == Some(model) => vec![],
        Event::Adjusted { model, .. } => {
            state.model = Some(model.clone());
            forecast(&state)
        }
        Event::Forecast { forecast } if state.forecast.as_ref() == Some(forecast) => vec![],
        Event::Forecast { forecast } => {
            state.forecast = Some(forecast.clone());
            on_snapshot(&state, |snapshot| Job::Project { snapshot, forecast: forecast.clone() })
        }
        Event::Projected { .. } => solve(&state),
        Event::Planned { plan, .. } if state.plan.as_ref() == Some(plan) => vec![],
        Event::Planned { plan, .. } => {
            state.plan = Some(plan.clone());
            run(Job::Supply { plan: plan.clone() })
        }
        Event::Revised { plan, snapshot, model, forecast, .. } => {
            state = State {
                snapshot: Some(snapshot.clone()),
                model: Some(model.clone()),
                forecast: Some(forecast.clone()),
                plan: Some(plan.clone()),
                ..State { mode: state.mode, models: state.models, ..State::default() }
            };
            run(Job::Simulate { plan: plan.clone() })
        }
        Event::Supplied { plan, .. } => run(Job::Simulate { plan: plan.clone() }),
        Event::Stressed { plan, outcome } => {
            state.outcome = Some(outcome.clone());
            run(Job::Judge { plan: plan.clone(), outcome: outcome.clone() })
        }
        Event::Judged { plan, decision } => {
            state.decision = Some(decision.clone());
            judged(&state.mode, plan, decision)
        }
        Event::Published { receipt, .. } => {
            state.receipt = Some(receipt.clone());
            vec![]
        }
        Event::Failed { step, reason } => stop(&format!("{step}: {reason}")),
    };
    (state, effects)
}

fn run(job: Job) -> Vec<Effect> {
    vec![Effect::Run(job)]
}

fn stop(reason: &str) -> Vec<Effect> {
    vec![Effect::Stop { reason: reason.to_owned() }]
}

fn on_snapshot(state: &State, job: impl FnOnce(SnapshotId) -> Job) -> Vec<Effect> {
    state.snapshot.clone().map(|snapshot| run(job(snapshot))).unwrap_or_default()
}

fn champion(state: &State) -> Option<ContentHash> {
    state.models.champion().map(|champion| champion.made.model.clone())
}

/// What somebody fitted by hand before is the same model, and is in the registry already.
fn register(state: &mut State) -> Vec<Effect> {
    let Some(model) = state.fitted.clone() else { return vec![] };
    if state.models.entry(&model).is_some() {
        return contest(state);
    }
    on_snapshot(state, |snapshot| Job::Register { snapshot, model, parent: champion(state) })
}

/// Asks the gate about the challenger; without one the champion goes on.
fn contest(state: &mut State) -> Vec<Effect> {
    let challenger = match (state.models.challenger(), champion(state), &state.fitted) {
        (Some(challenger), ..) => Some(challenger.made.model.clone()),
        // A first model that was refused before is asked about again: there is nothing else to go on with.
        (None, None, Some(fitted)) => Some(fitted.clone()),
        _ => None,
    };
    match challenger {
        None => adjust(state),
        Some(challenger) => {
            on_snapshot(state, |snapshot| Job::Contest { snapshot, champion: champion(state), challenger })
        }
    }
}

/// Whatever the gate says, the loop goes on with the champion that there is then.
fn contested_by(state: &mut State, contested: &Contested) -> Vec<Effect> {
    if contested.ruling == Succession::Refused && champion(state).is_none() {
        return stop(&format!("the first model cannot be used: {}", contested.reasons.join("; ")));
    }
    adjust(state)
}

fn adjust(state: &mut State) -> Vec<Effect> {
    state.estimates = champion(state);
    let Some(estimates) = state.estimates.clone() else { return vec![] };
    on_snapshot(state, |snapshot| Job::Adjust { snapshot, estimates })
}

fn forecast(state: &State) -> Vec<Effect> {
    let Some(model) = state.model.clone() else { return vec![] };
    on_snapshot(state, |snapshot| Job::Forecast { snapshot, model })
}

fn solve(state: &State) -> Vec<Effect> {
    let (Some(model), Some(forecast)) = (state.model.clone(), state.forecast.clone()) else { return vec![] };
    on_snapshot(state, |snapshot| Job::Solve { snapshot, model, forecast })
}

fn judged(mode: &Mode, plan: &PlanId, decision: &Decision) -> Vec<Effect> {
    let passed = || match mode {
        Mode::Shadow { .. } => vec![Effect::Withhold { plan: plan.clone() }],
        _ => vec![Effect::Publish { plan: plan.clone() }],
    };
    match &decision.verdict {
        Verdict::Approved => passed(),
        Verdict::NeedsPerson { .. } if decision.signed.is_some() => passed(),
        Verdict::NeedsPerson { reasons } => vec![Effect::Ask { plan: plan.clone(), reasons: reasons.clone() }],
        Verdict::Refused { breaches } => {
            let breaches: Vec<String> = breaches.iter().map(ToString::to_string).collect();
            stop(&format!("policy refuses plan {plan}: {}", breaches.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests::{contested, registered};
    use endcap_model::{RefitCause, Watched, hash_bytes};

    fn ingested(snapshot: &str) -> Event {
        Event::Ingested { snapshot: snapshot.into(), rows_read: 1, rows_set_aside: 0 }
    }

    fn decision(verdict: Verdict) -> Decision {
        Decision { content: hash_bytes(b"plan"), policy: hash_bytes(b"policy"), verdict, signed: None }
    }

    fn watched(refit: Option<RefitCause>) -> Event {
        let watched = Watched {
            snapshot: "t".into(),
            champion: hash_bytes(b"m"),
            periods: 4,
            verdict: "steady".into(),
            shift: None,
            money: None,
            inputs: vec![],
            refit,
            told: "keep the model".into(),
        };
        Event::Watched { watched: Box::new(watched) }
    }

    fn whole_way(verdict: Verdict) -> Vec<Event> {
        let plan = PlanId::new("p");
        vec![
            ingested("s"),
            Event::Checked { ready: 1, not_ready: 0 },
            Event::Fitted { model: hash_bytes(b"m") },
            Event::Backtested { backtest: hash_bytes(b"b") },
            registered("m", 50),
            contested("m", None, Succession::Passed),
            Event::Adjusted { model: hash_bytes(b"m"), edits: vec![] },
            Event::Forecast { forecast: hash_bytes(b"f") },
            Event::Projected { projection: hash_bytes(b"x") },
            Event::Planned { plan: plan.clone(), value: 1, bound: 1 },
            Event::Supplied { plan: plan.clone(), orders: 1, transfers: 0 },
            Event::Stressed { plan: plan.clone(), outcome: hash_bytes(b"o") },
            Event::Judged { plan, decision: decision(verdict) },
        ]
    }

    fn replay(events: &[Event]) -> (State, Vec<Effect>) {
        events.iter().fold((State::default(), vec![]), |(state, _), event| step(state, event))
    }

    #[test]
    fn facts_lead_to_a_published_plan_one_job_at_a_time() {
        let events = whole_way(Verdict::Approved);
        for upto in 1..events.len() {
            let (_, effects) = replay(&events[..upto]);
            assert!(matches!(effects[..], [Effect::Run(_)]), "after {:?}: {effects:?}", events[upto - 1]);
        }
        assert_eq!(replay(&events).1, [Effect::Publish { plan: "p".into() }]);
    }

    #[test]
    fn a_refused_plan_is_not_published() {
        let effects = replay(&whole_way(Verdict::Refused { breaches: vec![] })).1;
        assert!(matches!(effects[..], [Effect::Stop { .. }]));
    }

    #[test]
    fn a_plan_that_needs_a_person_asks() {
        let effects = replay(&whole_way(Verdict::NeedsPerson { reasons: vec!["large".into()] })).1;
        assert_eq!(effects, [Effect::Ask { plan: "p".into(), reasons: vec!["large".into()] }]);
    }

    #[test]
    fn the_same_facts_twice_start_nothing_twice() {
        let (state, _) = step(State::default(), &ingested("s"));
        let (again, effects) = step(state.clone(), &ingested("s"));
        assert_eq!((again, effects), (state, vec![]));
    }

    #[test]
    fn new_facts_void_what_was_derived_from_the_old() {
        let events = whole_way(Verdict::Approved);
        let (state, _) = replay(&events);
        let models = state.models.clone();
        let (fresh, _) = step(state, &ingested("t"));
        assert!(models.champion().is_some(), "what is known of models stays");
        assert_eq!(fresh, State { snapshot: Some("t".into()), models, ..State::default() });
    }

    /// The first facts with their champion, and then new ones until they were watched.
    fn later(refit: Option<RefitCause>) -> Vec<Event> {
        let new = [ingested("t"), Event::Checked { ready: 1, not_ready: 0 }, watched(refit)];
        whole_way(Verdict::Approved).into_iter().chain(new).collect()
    }

    fn job(events: &[Event]) -> Job {
        match replay(events).1.pop() {
            Some(Effect::Run(job)) => job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn new_facts_are_watched_and_the_champion_goes_on_where_nothing_asks_for_a_fit() {
        let events = later(None);
        let watch = Job::Watch { snapshot: "t".into(), champion: hash_bytes(b"m") };
        assert_eq!(job(&events[..events.len() - 1]), watch);
        assert_eq!(job(&events), Job::Adjust { snapshot: "t".into(), estimates: hash_bytes(b"m") });
    }

    #[test]
    fn a_refit_makes_a_challenger_and_only_the_gate_changes_what_is_used() {
        for cause in [RefitCause::Schedule, RefitCause::Error, RefitCause::Regime, RefitCause::Corrected] {
            assert_eq!(job(&later(Some(cause))), Job::Fit { snapshot: "t".into() });
        }
        let mut events = later(Some(RefitCause::Error));
        events.push(Event::Fitted { model: hash_bytes(b"n") });
        events.push(Event::Backtested { backtest: hash_bytes(b"c") });
        let parent = Some(hash_bytes(b"m"));
        assert_eq!(
            job(&events),
            Job::Register { snapshot: "t".into(), model: hash_bytes(b"n"), parent: parent.clone() }
        );
        events.push(registered("n", 54));
        let asked = Job::Contest { snapshot: "t".into(), champion: parent, challenger: hash_bytes(b"n") };
        assert_eq!(job(&events), asked);
        for (ruling, used) in [(Succession::Waits, "m"), (Succession::Refused, "m"), (Succession::Passed, "n")] {
            let told = events.iter().cloned().chain([contested("n", Some("m"), ruling)]);
            let used = hash_bytes(used.as_bytes());
            assert_eq!(
                job(&told.collect::<Vec<_>>()),
                Job::Adjust { snapshot: "t".into(), estimates: used },
                "{ruling:?}"
            );
        }
    }

    #[test]
    fn a_challenger_in_shadow_is_asked_about_with_every_load_and_a_rollback_holds() {
        let mut events = later(Some(RefitCause::Schedule));
        events.push(Event::Fitted { model: hash_bytes(b"n") });
        events.push(Event::Backtested { backtest: hash_bytes(b"c") });
        events.push(registered("n", 54));
        let mut waiting = events.clone();
        waiting.extend([contested("n", Some("m"), Succession::Waits), ingested("u")]);
        waiting.extend([Event::Checked { ready: 1, not_ready: 0 }, watched(None)]);
        let champion = Some(hash_bytes(b"m"));
        assert_eq!(job(&waiting), Job::Contest { snapshot: "u".into(), champion, challenger: hash_bytes(b"n") });
        events.push(contested("n", Some("m"), Succession::Passed));
        let back = replay(&events).0.models.rollback("Ada", "plans look odd").unwrap();
        events.extend([back, ingested("u"), Event::Checked { ready: 1, not_ready: 0 }, watched(None)]);
        assert_eq!(job(&events), Job::Adjust { snapshot: "u".into(), estimates: hash_bytes(b"m") });
    }

    #[test]
    fn a_first_model_that_is_not_sane_stops_the_loop_with_the_reason() {
        let mut events = whole_way(Verdict::Approved);
        events.truncate(5);
        events.push(contested("m", None, Succession::Refused));
        let effects = replay(&events).1;
        assert!(matches!(&effects[..], [Effect::Stop { reason }] if reason.contains("figures")), "{effects:?}");
    }

    #[test]
    fn a_halted_loop_does_nothing_and_one_in_shadow_publishes_nothing() {
        let halt = Event::Halted { halt: crate::halt::halted(&[], "Ada", "stores are shut") };
        let events: Vec<Event> = std::iter::once(halt.clone()).chain(whole_way(Verdict::Approved)).collect();
        for upto in 1..=events.len() {
            assert!(matches!(replay(&events[..upto]).1[..], [Effect::Stop { .. }]), "after {:?}", events[upto - 1]);
        }
        let resumed = Event::Resumed { by: "Ada".into(), reason: "stores open".into(), shadow: true };
        let events: Vec<Event> = [halt, resumed].into_iter().chain(whole_way(Verdict::Approved)).collect();
        assert_eq!(replay(&events).1, [Effect::Withhold { plan: "p".into() }]);
    }

    #[test]
    fn facts_that_carry_nothing_stop_the_loop() {
        let effects = replay(&[ingested("s"), Event::Checked { ready: 0, not_ready: 4 }]).1;
        assert!(matches!(effects[..], [Effect::Stop { .. }]));
    }
}
