//! Planning anew with what is known from before gives what planning from scratch does, to the bit.

use endcap_agent::plan::{self, Known};
use endcap_agent::policies::{Fits, RollingPolicy};
use endcap_agent::revise::Season;
use endcap_agent::sense::Facts;
use endcap_demand::{FitSettings, Fitted, fit};
use endcap_model::{
    AsOf, Depth, Mechanic, Offer, Period, Pieces, Place, Plan, PlanId, Scenario, SnapshotId, Span, Support,
};
use endcap_plan::solve;
use endcap_twin::{TwinScenario, World};
use proptest::prelude::*;
use std::sync::LazyLock;

/// The small category of the rolling policies' tests, with a halo of one group on another.
const CATEGORY: &str = include_str!("../src/policies/rolling/small-category.toml");
const HALO: &str = "\n[[halo]]\nfrom = \"group-0001\"\nto = \"group-0002\"\nshare = 0.6\n";

/// A category that is known and can be planned.
struct Shop {
    facts: Facts,
    fitted: Fitted,
    scenario: Scenario,
}

static SHOP: LazyLock<Shop> = LazyLock::new(|| {
    let twin: TwinScenario = toml::from_str(&format!("{CATEGORY}{HALO}")).unwrap();
    let spec = twin.world(None).unwrap();
    let policy = RollingPolicy::of(&twin.policies[1], &twin, &spec, &Fits::default()).unwrap();
    let world = World::new(&spec, &twin.response, 1);
    let past = world.past().unwrap();
    let fitted = fit(&past, &FitSettings { seed: 1, ..FitSettings::default() }, &|_, _| {}).unwrap();
    let mut scenario = policy.scenario().clone();
    scenario.replan.frozen_periods = 0;
    Shop { facts: policy.facts(&past, &world.observe()).unwrap(), fitted, scenario }
});

impl Shop {
    fn horizon(&self) -> Span {
        self.facts.horizon(&self.scenario).unwrap()
    }

    /// An offer by numbers: of the item, of the region and of the period.
    fn offer(&self, (sku, region, period, depth): (usize, usize, i32, usize)) -> Offer {
        let (skus, mut regions) = (self.facts.panel.skus(), self.facts.regions.values().collect::<Vec<&Place>>());
        regions.dedup();
        Offer {
            sku: skus[sku % skus.len()].sku.clone(),
            place: regions[region % regions.len()].clone(),
            span: Span::of_length(Period(self.horizon().start.0 + period), 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share([0.1, 0.2, 0.3][depth]).unwrap(),
            support: Support::default(),
        }
    }
}

fn offers(most: usize) -> impl Strategy<Value = Vec<Offer>> {
    let numbers = (0usize..9, 0usize..2, 0i32..13, 0usize..3);
    proptest::collection::vec(numbers.prop_map(|numbers| SHOP.offer(numbers)), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_other_offers_do_not_move_is_not_forecast_again_and_the_rest_is_as_if_all_were(
        before in offers(12), dropped in 0usize..3, added in offers(3),
    ) {
        let Shop { facts, fitted, scenario } = &*SHOP;
        let after: Vec<Offer> = before.iter().skip(dropped).chain(&added).cloned().collect();
        let forecast = |offers: &[Offer]| plan::forecast(facts, fitted, scenario, offers).unwrap();
        let known = forecast(&before);
        let known = Known { offers: &before, forecast: &known };
        prop_assert_eq!(plan::forecast_again(facts, fitted, scenario, known, &after).unwrap(), forecast(&after));
    }
}

#[test]
fn a_season_revised_after_a_cut_is_the_same_with_what_is_known_and_without_at_any_number_of_threads() {
    let Shop { facts, fitted, scenario } = &*SHOP;
    let baseline = plan::forecast(facts, fitted, scenario, &[]).unwrap();
    let settings = solve::Settings::default();
    let proposal = plan::draft(facts, &fitted.lift, &baseline, scenario, &settings).unwrap().unwrap();
    let in_force = Plan {
        id: PlanId::new("in force"),
        parent: None,
        objectives: None,
        snapshot: SnapshotId::new("facts"),
        as_of: AsOf::default(),
        calendar: baseline.calendar,
        span: plan::span_of(&baseline),
        currency: scenario.currency,
        offers: proposal.offers,
        orders: Vec::new(),
        transfers: Vec::new(),
        report: proposal.report,
    };
    let planned = plan::forecast(facts, fitted, scenario, &in_force.offers).unwrap();
    let hit = in_force.offers.iter().min_by_key(|offer| offer.span.start).unwrap().sku.clone();
    let mut short = facts.clone();
    short.stock.iter_mut().filter(|state| state.sku == hit).for_each(|state| state.on_hand = Pieces(0));
    let revised = |known: Option<Known>, threads: usize| {
        let season = Season {
            facts: &short,
            fitted,
            baseline: &baseline,
            overrides: &[],
            known,
            scenario,
            in_force: &in_force,
            pace: &[],
            projection: None,
            rest: in_force.span,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let revision = season.revise(&settings, &|| false).unwrap().unwrap();
            let demand = season.demand(&revision).unwrap();
            let plan = season.with_supply(PlanId::new("revised"), &revision, &demand, 1, &|_, _| {}).unwrap();
            (revision, plan)
        })
    };
    let scratch = revised(None, 2);
    assert!(!scratch.0.changes.is_empty(), "an empty shelf is not promoted");
    assert_eq!(revised(Some(Known { offers: &in_force.offers, forecast: &planned }), 2), scratch);
    assert_eq!(revised(Some(Known { offers: &[], forecast: &baseline }), 1), scratch);
}
