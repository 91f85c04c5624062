//! `endcap twin --train`: trains the rule of a policy of kind learned in the scenario's worlds.

use crate::console::{Console, Ending, Steps, table};
use anyhow::bail;
use endcap_agent::policies::{Fits, RollingPolicy, Round, TrainTerms, train};
use endcap_model::{Currency, Value};
use endcap_twin::{PolicyChoice, RuleWeights, TwinScenario, WorldSpec};
use serde::Serialize;

/// The result, for programs. Profit in whole minor units of `currency`.
#[derive(Serialize)]
struct Trained {
    scenario: String,
    policy: String,
    currency: Currency,
    worlds: usize,
    seed: u64,
    rounds: Vec<Round>,
    weights: RuleWeights,
}

/// Trains the policy of this name.
pub fn run(
    scenario: &TwinScenario,
    spec: &WorldSpec,
    name: &str,
    rounds: usize,
    console: &Console,
) -> anyhow::Result<Ending> {
    let named = scenario.policies.iter().find(|choice| choice.name() == name);
    let Some(choice @ PolicyChoice::Learned { weights, .. }) = named else {
        let learned = scenario.policies.iter().filter(|choice| matches!(choice, PolicyChoice::Learned { .. }));
        let names: Vec<String> = learned.map(|choice| format!("'{}'", choice.name())).collect();
        let there = if names.is_empty() { "has none".to_owned() } else { format!("has {}", names.join(", ")) };
        bail!("'{name}' is no policy of kind `learned`, of which the scenario {there}: name one of them, or add one");
    };
    let policy = RollingPolicy::of(choice, scenario, spec, &Fits::default());
    let policy = policy.expect("Invariant: a learned policy estimates on the way");
    let steps = Steps::new(console);
    let progress = |done, all| steps.at("train", done, all);
    let terms = TrainTerms { rounds, ..TrainTerms::default() };
    let rounds = train(&policy, *weights, (spec, &scenario.response), terms, &progress)?;
    let trained = Trained {
        scenario: scenario.name.clone(),
        policy: name.to_owned(),
        currency: scenario.currency,
        worlds: scenario.response.worlds,
        seed: scenario.response.seed,
        weights: rounds.last().map_or(*weights, |round| round.weights),
        rounds,
    };
    console.result(&trained, for_people)?;
    Ok(Ending::Done)
}

fn for_people(trained: &Trained) -> String {
    let mut lines = table(&["round", "profit of the rule", "of the best tried"]);
    for (number, round) in trained.rounds.iter().enumerate() {
        let money = |value: f64| Value(value).round(trained.currency).to_string();
        lines.add_row([(number + 1).to_string(), money(round.profit), money(round.best)]);
    }
    let RuleWeights { own_gain, extra_pieces, vendor_money, doubt, freshness, one_offer } = trained.weights;
    format!(
        "{lines}\nEvery round has worlds of its own: compare within a row. Put this into the policy, and try it with other seeds:\n\n\
         weights = {{ own_gain = {own_gain:.4}, extra_pieces = {extra_pieces:.4}, vendor_money = {vendor_money:.4}, \
         doubt = {doubt:.4}, freshness = {freshness:.4}, one_offer = {one_offer:.4} }}"
    )
}
