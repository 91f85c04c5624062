//! How long a shock takes: the supplier cuts half of a promoted item's delivery; from that news to a changed plan with its
//! orders, ready to be judged, for a made-up assortment. Prints one line of JSON; `cargo xtask bench twin` reads it.
//!
//!   cargo run --release -p endcap-agent --example shock -- 5000

use endcap_agent::plan;
use endcap_agent::policies::{Fits, RollingPolicy};
use endcap_agent::revise::Season;
use endcap_agent::sense::Facts;
use endcap_demand::{FitSettings, fit};
use endcap_model::{AsOf, Pieces, Plan, PlanId, SnapshotId};
use endcap_plan::solve;
use endcap_twin::{TwinScenario, World};

const WORLD: &str = r#"
name = "A wide assortment"
currency = "EUR"
horizon = 13
past_periods = 40
fixed_cost = 1.0

[world]
kind = "synthetic"
items = ITEMS
places = 1
regions = 1
groups = GROUPS
start = "2026-W02"
mean_demand = 60.0
demand_spread = 0.6
price_spread = 0.5

[items]
list_price = 3.5
margin_rate = 0.38
vendor_funding_share = 0.5

[supply]
lead_time_periods = 2
opening_stock = { cover_periods = 2.0 }
case_pack = 6
holding_rate = 0.004
shortage_rate = 0.1

[offers]
depths = [0.1, 0.2, 0.3]
slots = SLOTS
spacing = 6

[response]
worlds = 1
seed = 1
elasticity_mean = -3.2
elasticity_sd = 0.8
pull_forward_share = 0.1
substitution_share = 0.2
shock_sd = 0.1

[panel]
depths = [0.1, 0.2, 0.3]
compliance = 1.0
feature_share = 0.0
display_share = 0.0
display_alone_share = 0.0

[[policy]]
name = "integrated"
kind = "integrated"
"#;

fn main() {
    let items: usize = std::env::args().nth(1).and_then(|items| items.parse().ok()).unwrap_or(5000);
    let text = WORLD
        .replace("ITEMS", &items.to_string())
        .replace("GROUPS", &(items / 10).max(1).to_string())
        .replace("SLOTS", &(items / 20).max(1).to_string());
    let twin: TwinScenario = toml::from_str(&text).expect("Invariant: the scenario above is one");
    let spec = twin.world(None).expect("Invariant: the scenario above makes a world");
    let policy = RollingPolicy::of(&twin.policies[0], &twin, &spec, &Fits::default());
    let policy = policy.expect("Invariant: the policy above plans");
    let scenario = policy.scenario();
    let world = World::new(&spec, &twin.response, 1);
    let past = world.past().expect("Invariant: the scenario above has a past");
    let settings = FitSettings { seed: 1, ..FitSettings::default() };
    let fitted = fit(&past, &settings, &|_, _| {}).expect("Invariant: the past can be estimated");
    let mut facts = policy.facts(&past, &world.observe()).expect("Invariant: the past makes facts");
    let baseline = plan::forecast(&facts, &fitted, scenario, &[]).expect("Invariant: the past can be forecast");
    let search = solve::Settings { gap: 0.001, ..solve::Settings::default() };
    let proposal = plan::draft(&facts, &fitted.lift, &baseline, scenario, &search).expect("Invariant: the facts fit");
    let proposal = proposal.expect("Invariant: no rule clashes");
    let in_force = Plan {
        id: PlanId::new("in force"),
        parent: None,
        snapshot: SnapshotId::new("facts"),
        as_of: AsOf::default(),
        calendar: baseline.calendar,
        span: plan::span_of(&baseline),
        currency: scenario.currency,
        offers: proposal.offers.clone(),
        orders: Vec::new(),
        transfers: Vec::new(),
        report: proposal.report,
    };
    let hit = cut_a_promoted_delivery(&mut facts, &in_force);
    let before = cpu_seconds();
    let season = Season {
        facts: &facts,
        fitted: &fitted,
        baseline: &baseline,
        overrides: &[],
        scenario,
        in_force: &in_force,
        pace: &[],
        projection: None,
        rest: in_force.span,
    };
    let revision = season.revise(&search, &|| false).expect("Invariant: the season can be planned");
    let revision = revision.expect("Invariant: no rule clashes");
    let planned = cpu_seconds();
    let revised = season.with_supply(PlanId::new("revised"), &revision, 1, &|_, _| {});
    let revised = revised.expect("Invariant: supply can be planned");
    let after = cpu_seconds();
    println!(
        "{{\"items\":{items},\"hit\":\"{hit}\",\"offers\":{},\"changes\":{},\"orders\":{},\"plan_s\":{:.2},\"cpu_s\":{:.2}}}",
        revised.offers.len(),
        revision.changes.len(),
        revised.orders.len(),
        planned - before,
        after - before
    );
}

/// Halves what is under way of the first item that is promoted next, and says which.
fn cut_a_promoted_delivery(facts: &mut Facts, plan: &Plan) -> String {
    let offer = plan.offers.iter().min_by_key(|offer| offer.span.start).expect("Invariant: something is promoted");
    for state in facts.stock.iter_mut().filter(|state| state.sku == offer.sku) {
        state.pipeline.iter_mut().for_each(|(_, pieces)| *pieces = Pieces(pieces.0 / 2));
    }
    offer.sku.to_string()
}

/// Seconds that all threads of this process have computed.
fn cpu_seconds() -> f64 {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Invariant: measured on Linux");
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<f64> = after_name.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    (fields[11] + fields[12]) / TICKS
}
