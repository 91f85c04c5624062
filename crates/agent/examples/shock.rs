//! How long a shock takes: the supplier cuts half of a promoted item's delivery; from that news to a changed plan with its
//! orders, ready to be judged, for a made-up assortment. Prints one line of JSON; `cargo xtask bench twin` reads it.
//!
//! The news is what the retailer's records say of stock and deliveries, so that reading them counts. What was known before,
//! the fit and the forecasts of the sales until then, does not change by it.
//!
//!   cargo run --release -p endcap-agent --example shock -- 5000

#[path = "../../supply/examples/timing/cpu.rs"]
mod cpu;

use cpu::cpu_seconds;
use endcap_agent::plan::{self, Known};
use endcap_agent::policies::{Fits, RollingPolicy};
use endcap_agent::revise::Season;
use endcap_agent::sense::Facts;
use endcap_demand::{FitSettings, Fitted, fit};
use endcap_model::{AsOf, Forecast, Pieces, Plan, PlanId, Scenario, SnapshotId};
use endcap_plan::solve;
use endcap_twin::{TwinScenario, World, WorldChoice};

fn main() {
    let items: usize = std::env::args().nth(1).and_then(|items| items.parse().ok()).unwrap_or(5000);
    let twin = wide_assortment(items);
    let spec = twin.world(None).expect("Invariant: the scenario above makes a world");
    let policy = RollingPolicy::of(&twin.policies[1], &twin, &spec, &Fits::default());
    let policy = policy.expect("Invariant: the second policy of the scenario plans");
    let mut scenario = policy.scenario().clone();
    // What a shock hits may be changed at once.
    scenario.replan.frozen_periods = 0;
    let world = World::new(&spec, &twin.response, 1);
    let past = world.past().expect("Invariant: the scenario above has a past");
    let settings = FitSettings { seed: 1, ..FitSettings::default() };
    let fitted = fit(&past, &settings, &|_, _| {}).expect("Invariant: the past can be estimated");
    let read = || half_under_way(policy.facts(&past, &world.observe()).expect("Invariant: the past makes facts"));
    let facts = read();
    let baseline = plan::forecast(&facts, &fitted, &scenario, &[]).expect("Invariant: the past can be forecast");
    let in_force = planned(&facts, &fitted, &baseline, &scenario);
    let sold =
        plan::forecast(&facts, &fitted, &scenario, &in_force.offers).expect("Invariant: the past can be forecast");
    let before = cpu_seconds();
    let mut facts = read();
    let (hit, cut) = cut_a_promoted_delivery(&mut facts, &in_force);
    let known = cpu_seconds();
    let season = Season {
        facts: &facts,
        fitted: &fitted,
        baseline: &baseline,
        overrides: &[],
        known: Some(Known { offers: &in_force.offers, forecast: &sold }),
        scenario: &scenario,
        in_force: &in_force,
        pace: &[],
        projection: None,
        rest: in_force.span,
    };
    let revision = season.revise(&search(), &|| false).expect("Invariant: the season can be planned");
    let revision = revision.expect("Invariant: no rule clashes");
    let revised = cpu_seconds();
    let demand = season.demand(&revision).expect("Invariant: the season can be forecast");
    let plan = season.with_supply(PlanId::new("revised"), &revision, &demand, 1, &|_, _| {});
    let (plan, _) = plan.expect("Invariant: supply can be planned");
    let after = cpu_seconds();
    println!(
        "{{\"items\":{items},\"hit\":\"{hit}\",\"cut\":{cut},\"offers\":{},\"changes\":{},\"orders\":{},\"read_s\":{:.2},\"plan_s\":{:.2},\"supply_s\":{:.2},\"cpu_s\":{:.2}}}",
        plan.offers.len(),
        revision.changes.len(),
        plan.orders.len(),
        known - before,
        revised - known,
        after - revised,
        after - before
    );
}

/// The small category of the tests, made wide: one store, ten items to a group, a twentieth of them on offer at a time.
fn wide_assortment(items: usize) -> TwinScenario {
    let text = include_str!("../src/policies/rolling/small-category.toml");
    let mut twin: TwinScenario = toml::from_str(text).expect("Invariant: the scenario of the tests is one");
    let WorldChoice::Synthetic(world) = &mut twin.world else { unreachable!("Invariant: it is a made-up chain") };
    (world.items, world.places, world.regions, world.groups) = (items, 1, 1, (items / 10).max(1));
    (world.mean_demand, world.demand_spread) = (60.0, 0.6);
    twin.offers.slots = (items / 20).max(1);
    twin.past_periods = Some(40);
    twin
}

fn search() -> solve::Settings {
    solve::Settings { gap: 0.001, ..solve::Settings::default() }
}

/// Half of what is there is still under way and comes with the first period.
fn half_under_way(mut facts: Facts) -> Facts {
    let first = facts.panel.span().expect("Invariant: the past has periods").end;
    for state in &mut facts.stock {
        let coming = Pieces(state.on_hand.0 / 2);
        state.on_hand.0 -= coming.0;
        state.pipeline.push((first, coming));
    }
    facts
}

/// The plan before the shock.
fn planned(facts: &Facts, fitted: &Fitted, baseline: &Forecast, scenario: &Scenario) -> Plan {
    let proposal = plan::draft(facts, &fitted.lift, baseline, scenario, &search()).expect("Invariant: the facts fit");
    let proposal = proposal.expect("Invariant: no rule clashes");
    Plan {
        id: PlanId::new("in force"),
        parent: None,
        objectives: None,
        snapshot: SnapshotId::new("facts"),
        as_of: AsOf::default(),
        calendar: baseline.calendar,
        span: plan::span_of(baseline),
        currency: scenario.currency,
        offers: proposal.offers,
        orders: Vec::new(),
        transfers: Vec::new(),
        report: proposal.report,
    }
}

/// Halves what is under way of the first item that is promoted next, and says which and by how many pieces.
fn cut_a_promoted_delivery(facts: &mut Facts, plan: &Plan) -> (String, i64) {
    let offer = plan.offers.iter().min_by_key(|offer| offer.span.start).expect("Invariant: something is promoted");
    let mut cut = 0;
    for state in facts.stock.iter_mut().filter(|state| state.sku == offer.sku) {
        for (_, pieces) in &mut state.pipeline {
            cut += pieces.0 - pieces.0 / 2;
            pieces.0 /= 2;
        }
    }
    assert!(cut > 0, "Invariant: something of {} is under way", offer.sku);
    (offer.sku.to_string(), cut)
}
