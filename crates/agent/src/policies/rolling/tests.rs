use super::*;
use endcap_twin::{Measure, PolicyMaker, Trials, kpis, try_all};

/// Half a year of a small category: nine items in four stores.
const SMALL: &str = include_str!("small-category.toml");

fn tried(scenario: &TwinScenario) -> Trials {
    let spec = scenario.world(None).unwrap();
    let fits = Fits::default();
    let policies: Vec<RollingPolicy> =
        scenario.policies.iter().map(|choice| RollingPolicy::of(choice, scenario, &spec, &fits).unwrap()).collect();
    let makers: Vec<Box<PolicyMaker>> =
        policies.iter().map(|policy| Box::new(|| policy.start()) as Box<PolicyMaker>).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(Box::as_ref).collect();
    try_all(&spec, &scenario.response, &makers, &|_, _| {}).unwrap()
}

fn read(text: &str) -> TwinScenario {
    toml::from_str(text).unwrap()
}

#[test]
fn planning_promotions_and_supply_in_one_loop_runs_out_less_and_earns_more_at_any_number_of_threads() {
    let scenario = read(SMALL);
    let run =
        |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| tried(&scenario));
    let trials = run(2);
    assert_eq!(trials.faults, []);
    assert_eq!(run(1).outcomes, trials.outcomes);
    let kpis = kpis(&trials.outcomes, "siloed");
    let of = |measure| kpis.iter().find(|kpi| kpi.policy == "integrated" && kpi.measure == measure).unwrap();
    assert!(of(Measure::SoldPromoted).level.mean > 0.0);
    assert!(of(Measure::StockoutRatePromoted).difference.unwrap().hi95.unwrap() < 0.0);
    assert!(of(Measure::StockoutRate).difference.unwrap().mean < 0.0);
    assert!(of(Measure::Profit).difference.unwrap().mean > 0.0);
    assert!(of(Measure::ForecastErrorItem).level.mean < 0.4);
}

#[test]
fn a_world_without_records_is_refused_before_it_runs() {
    let refused = read(&SMALL.replace("past_periods = 60", "")).world(None).unwrap_err().to_string();
    assert!(refused.starts_with("past_periods is 0: expected at least 26"), "{refused}");
    let refused = read(&SMALL.replace("spacing = 4", "spacing = 4\nperiods = 2")).world(None).unwrap_err().to_string();
    assert!(refused.starts_with("offers.periods is 2"), "{refused}");
    let learned = SMALL.replace("kind = \"integrated\"", "kind = \"learned\"");
    let refused =
        read(&learned.replace("spacing = 4", "spacing = 4\nbudget = 50.0")).world(None).unwrap_err().to_string();
    assert!(refused.starts_with("offers.budget is 50: expected no budget"), "{refused}");
}

#[test]
fn a_policy_of_another_kind_does_not_plan_on_the_way() {
    let text = SMALL.replace("kind = \"siloed\"\nnotice_periods = 0", "kind = \"oracle\"");
    let scenario = read(&text);
    let spec = scenario.world(None).unwrap();
    assert!(RollingPolicy::of(&scenario.policies[0], &scenario, &spec, &Fits::default()).is_none());
}

#[test]
fn the_supplier_is_known_by_what_came() {
    let scenario = read(SMALL);
    let spec = scenario.world(None).unwrap();
    let mut world = endcap_twin::World::new(&spec, &scenario.response, 5);
    let mut deliveries = deliveries::Deliveries::default();
    assert_eq!(deliveries.reliability(), endcap_supply::Reliability { late: vec![0.0; 3], ..Default::default() });
    while !world.is_over() {
        let seen = world.observe();
        deliveries.note(&spec, &seen);
        let order = |cell| endcap_twin::CellOrder { cell, pieces: 60, expedite: false };
        let cell_orders = (0..spec.cells().len()).map(order).collect();
        world.step(&endcap_twin::Actions { cell_orders, ..Default::default() }).unwrap();
    }
    let found = deliveries.reliability();
    let late: f64 = found.late.iter().sum();
    assert!((0.02..0.09).contains(&late), "one in twenty is late: {late}");
    assert!((0.02..0.07).contains(&found.cut_probability), "one in 25 is cut: {}", found.cut_probability);
    assert!((0.55..0.65).contains(&found.cut_share), "60 % of it comes: {}", found.cut_share);
}

#[test]
fn a_policy_that_estimates_again_forecasts_better_once_shoppers_answer_otherwise() {
    let learns = "name = \"learns\"\nkind = \"integrated\"\nterms = { refit_every = 8 }";
    let text = SMALL
        .replace("horizon = 16", "horizon = 32")
        .replace("name = \"siloed\"\nkind = \"siloed\"\nnotice_periods = 0", learns)
        .replace("worlds = 3", "worlds = 2");
    let trials = tried(&read(&format!("{text}\n[[shock]]\nkind = \"regime_break\"\nsize = 1.6\nfrom = 2\n")));
    assert_eq!(trials.faults, []);
    let kpis = kpis(&trials.outcomes, "integrated");
    let error = |policy: &str| {
        let of = kpis.iter().find(|kpi| kpi.policy == policy && kpi.measure == Measure::ForecastErrorItem);
        of.unwrap().level.mean
    };
    let (learns, stays) = (error("learns"), error("integrated"));
    assert!(learns < 0.9 * stays, "{learns} of the one that learns, {stays} of the one that does not");
}

#[test]
fn a_rule_is_trained_to_earn_more_the_same_at_any_number_of_threads() {
    let text = SMALL.replace("name = \"integrated\"\nkind = \"integrated\"", "name = \"rule\"\nkind = \"learned\"");
    let mut scenario = read(&text);
    scenario.response.worlds = 2;
    let spec = scenario.world(None).unwrap();
    let choice = scenario.policies.iter().find(|choice| choice.name() == "rule").unwrap();
    let policy = RollingPolicy::of(choice, &scenario, &spec, &Fits::default()).unwrap();
    let train = |threads| {
        let terms = crate::policies::TrainTerms { rounds: 3, candidates: 8 };
        let start = RuleWeights::default();
        let trained =
            || crate::policies::train(&policy, start, (&spec, &scenario.response), terms, &|_, _| {}).unwrap();
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(trained)
    };
    let rounds = train(2);
    assert_eq!(train(1), rounds);
    assert!(rounds.iter().all(|round| round.best >= round.profit), "{rounds:?}");
    let weights = rounds.last().unwrap().weights;
    let outcomes = |rule: RuleWeights| {
        let policy = policy.by_rule("tried".to_owned(), rule);
        let maker: Box<PolicyMaker> = Box::new(|| policy.start());
        let terms = endcap_model::TwinTerms { worlds: 4, seed: 900, ..scenario.response.clone() };
        let trials = try_all(&spec, &terms, &[maker.as_ref()], &|_, _| {}).unwrap();
        assert_eq!(trials.faults, []);
        trials.outcomes
    };
    let [taught, plain] = [weights, RuleWeights::default()].map(outcomes);
    let profit = |outcomes: &[endcap_model::Outcome]| outcomes.iter().map(|outcome| outcome.profit).sum::<i64>();
    assert!(plain.iter().all(|outcome| outcome.sold_promoted > 0));
    assert!(profit(&taught) > profit(&plain), "in worlds that it was not trained in");
}
