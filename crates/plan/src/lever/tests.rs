//! The steps by hand, the proofs against every plan there is at small size, and the published season.

use super::domain::bits;
use super::goal::Worth;
use super::season::Walk;
use super::*;
use endcap_model::SolveStatus;
use proptest::prelude::*;

const SEASON: &str = include_str!("../../../../examples/pittarosso/season.toml");

fn published_season() -> LeverScenario {
    toml::from_str(SEASON).unwrap()
}

fn never() -> bool {
    false
}

fn exact(parts: usize) -> LeverSettings {
    LeverSettings { gap: 0.0, parts }
}

fn found(grid: &Grid, goal: &Goal, settings: &LeverSettings) -> BestLevers {
    match solve(grid, goal, &[], settings, &never) {
        Best::Found(best) => *best,
        Best::OutOfReach { .. } => panic!("'{}' is out of reach", goal.name),
    }
}

fn goal(revenue: f64, penalty: f64) -> Goal {
    Goal::weighing("own", revenue, penalty)
}

/// Two groups, two months, three markdowns, two spends, two promotions: 1,296 plans.
fn small() -> LeverScenario {
    toml::from_str(
        r#"
        name = "small"
        currency = "EUR"
        months = ["May", "June"]
        markdown_step = 0.2
        markdown_levels = 3
        penalty_per_piece = 10.0
        [baseline]
        visits = [1000, 1500]
        conversion = [0.1, 0.2]
        units_per_receipt = [2.0, 2.5]
        [aggregate]
        units_per_receipt = 0.5
        visits = 1.0
        conversion = 0.1
        [[spend]]
        name = "none"
        cost = 0
        visits = 0
        conversion = 0
        [[spend]]
        name = "some"
        cost = 300
        visits = 0.1
        conversion = 0.01
        [[promotion]]
        name = "none"
        price = 0
        units_per_receipt = 0
        [[promotion]]
        name = "3x2"
        price = 0.1
        units_per_receipt = 0.2
        [[group]]
        name = "boots"
        full_price = 50
        unit_cost = 20
        baseline_discount = 0.1
        stock = 600
        sensitivity = 0.5
        price_elasticity = -1.5
        [[group]]
        name = "sandals"
        full_price = 20
        unit_cost = 9
        baseline_discount = 0
        stock = 500
        sensitivity = 0.3
        price_elasticity = -2.5
        weight = 2
        "#,
    )
    .unwrap()
}

/// Every plan that the locks leave open.
fn every_plan(grid: &Grid) -> Vec<Levers> {
    let domain = grid.domain();
    let sets: Vec<u32> = domain.markdowns.iter().chain(&domain.spends).chain(&domain.promotions).copied().collect();
    let mut plans = vec![vec![]];
    for set in sets {
        plans = plans
            .into_iter()
            .flat_map(|plan: Vec<u8>| bits(set).map(move |value| [plan.as_slice(), &[value as u8]].concat()))
            .collect();
    }
    let (cells, months) = (grid.months() * grid.groups(), grid.months());
    let levers = |plan: Vec<u8>| Levers {
        markdowns: plan[..cells].to_vec(),
        spends: plan[cells..cells + months].to_vec(),
        promotions: plan[cells + months..].to_vec(),
    };
    plans.into_iter().map(levers).collect()
}

/// The most that any plan is worth for a goal; nothing where none sells enough.
fn best_of_all(grid: &Grid, goal: &Goal) -> Option<f64> {
    let worth = Worth::of(goal, grid);
    let seasons = every_plan(grid).into_iter().map(|levers| season(grid, &levers));
    let enough = seasons.filter(|season| season.sold() >= worth.pieces_min * (1.0 - 1e-9));
    enough.map(|season| worth.value(&season)).max_by(f64::total_cmp)
}

#[test]
fn the_ten_steps_come_to_what_they_come_to_by_hand() {
    let grid = Grid::new(&small()).unwrap();
    // May: boots and sandals at 20 %, some spend, 3x2. June: nothing.
    let levers = Levers { markdowns: vec![1, 1, 0, 0], spends: vec![1, 0], promotions: vec![1, 0] };
    let season = season(&grid, &levers);
    let discount = 0.1 + (0.2 + 2.0 * 0.2) / 3.0;
    let receipts = 1000.0 * (1.0 + 0.1 + discount) * (0.1 + 0.01 + 0.1 * discount);
    let pieces = receipts * 2.0 * (1.0 + 0.2 + 0.5 * discount);
    let (boots, sandals) = (pieces * 0.5 * 0.8_f64.powf(-1.5), pieces * 0.3 * 0.8_f64.powf(-2.5));
    let june: f64 = 1500.0 * 0.2 * 2.5;
    assert!((season.months[0].sold[0] - boots).abs() < 1e-9);
    assert!((season.months[0].sold[1] - sandals).abs() < 1e-9);
    assert!((season.months[1].sold[0] - (june * 0.5).min(600.0 - boots)).abs() < 1e-9);
    let left = 500.0 - sandals;
    let in_june = (june * 0.3).min(left);
    assert!((season.groups[1].unsold - (left - in_june)).abs() < 1e-9);
    let revenue = sandals * 20.0 * (1.0 - 0.2 - 0.1) + in_june * 20.0;
    assert!((season.groups[1].revenue - revenue * 100.0).abs() < 1e-6, "in cents");
    let margin = revenue - (sandals + in_june) * 9.0;
    assert!((season.groups[1].margin - margin * 100.0).abs() < 1e-6);
    let goal = Goal { unsold: Unsold::Value, ..goal(0.25, 0.5) };
    let unsold = season.groups[0].unsold * 2000.0 + season.groups[1].unsold * 900.0;
    let expected = 0.25 * season.revenue + 0.75 * season.margin - 0.5 * unsold;
    assert!((Worth::of(&goal, &grid).value(&season) - expected).abs() < 1e-6);
}

#[test]
fn a_markdown_sells_less_as_printed_and_more_as_a_response() {
    let flat = Aggregate { units_per_receipt: 0.0, visits: 0.0, conversion: 0.0 };
    for (reading, ratio) in [(Reading::Literal, 0.6), (Reading::Response, 0.6_f64.powf(-1.5))] {
        let mut scenario = LeverScenario { reading, aggregate: flat, ..small() };
        scenario.groups.truncate(1);
        let grid = Grid::new(&scenario).unwrap();
        let sold = |level| {
            let levers = Levers { markdowns: vec![level, 0], spends: vec![0, 0], promotions: vec![0, 0] };
            season(&grid, &levers).months[0].sold[0]
        };
        assert!((sold(2) / sold(0) - ratio).abs() < 1e-9, "{reading:?}");
    }
}

#[test]
fn spend_counts_only_where_it_is_charged() {
    let free = Grid::new(&small()).unwrap();
    let charged = Grid::new(&LeverScenario { charge_spend: true, ..small() }).unwrap();
    let levers = Levers { markdowns: vec![0; 4], spends: vec![1, 1], promotions: vec![0, 0] };
    let (free, charged) = (season(&free, &levers), season(&charged, &levers));
    assert_eq!(free.spend, 60_000.0);
    assert!((free.margin - charged.margin - 60_000.0).abs() < 1e-6);
    assert_eq!(free.revenue, charged.revenue);
}

#[test]
fn a_share_that_no_plan_sells_is_out_of_reach_and_proven_so() {
    let mut scenario = small();
    scenario.groups[0].stock = 1e5;
    let grid = Grid::new(&scenario).unwrap();
    let goal = Goal { sell_through_min: Some(0.9), ..goal(1.0, 0.0) };
    let Best::OutOfReach { reached, bound, proven } = solve(&grid, &goal, &[], &exact(1000), &never) else {
        panic!("it is reached")
    };
    assert!(proven && reached <= bound && bound < 0.9);
    assert_eq!(best_of_all(&grid, &goal), None);
}

#[test]
fn the_bound_holds_when_the_search_is_stopped_at_once() {
    let grid = Grid::new(&published_season()).unwrap();
    let goal = &grid.scenario().goals()[2];
    let stopped = match solve(&grid, goal, &[], &exact(1_000_000), &|| true) {
        Best::Found(best) => *best,
        Best::OutOfReach { .. } => panic!("nothing must be sold"),
    };
    let longer = found(&grid, goal, &exact(50));
    assert!(stopped.objective <= longer.objective && longer.bound <= stopped.bound);
    assert!(longer.objective <= stopped.bound);
}

#[test]
fn a_lock_costs_what_the_best_plan_without_it_is_worth_more() {
    let lock = |group: &str, value| LeverLock::Markdown { group: Some(group.to_owned()), month: None, value };
    let promotion = LeverLock::Promotion { month: Some("June".to_owned()), value: "3x2".to_owned() };
    let locks = vec![lock("boots", 0.4), lock("sandals", 0.0), promotion];
    for goal in Goal::presets(0.5) {
        let grid = Grid::new(&LeverScenario { locks: locks.clone(), ..small() }).unwrap();
        let best = found(&grid, &goal, &exact(10_000));
        let prices = lock_prices(&grid, &goal, &best, &exact(10_000), &never).unwrap();
        assert_eq!(prices.len(), 4);
        assert_eq!(prices[3].lock, "all of them");
        for price in &prices {
            assert!(0 <= price.at_least && price.at_least <= price.price && price.price <= price.at_most, "{price:?}");
            assert!(price.at_most - price.at_least <= 4, "both are proven: {price:?}");
            assert!(price.price <= prices[3].price, "one lock costs no more than all: {price:?}");
        }
        if goal.sell_through_first {
            continue;
        }
        for (at, price) in prices[..3].iter().enumerate() {
            let mut fewer = locks.clone();
            fewer.remove(at);
            let free = Grid::new(&LeverScenario { locks: fewer, ..small() }).unwrap();
            let gain = best_of_all(&free, &goal).unwrap() - best_of_all(&grid, &goal).unwrap();
            assert!((price.price as f64 - gain).abs() <= 2.0, "{} costs {gain}: {price:?}", price.lock);
        }
    }
}

#[test]
fn a_penalty_that_changes_nothing_is_called_out() {
    let mut cheap = LeverScenario { penalty_per_piece: 1e-6, ..small() };
    (cheap.groups[0].stock, cheap.groups[0].price_elasticity) = (2000.0, -0.2);
    let grid = Grid::new(&cheap).unwrap();
    let goal = goal(1.0, 1.0);
    let best = found(&grid, &goal, &exact(10_000));
    let effect = penalty_effect(&grid, &goal, &best, &exact(10_000), &never).unwrap();
    assert!(!effect.binds);
    let from = effect.binds_from.unwrap();
    assert!(from > 1.0, "{effect:?}");
    assert!(effect.warning(|money| money.to_string()).unwrap().contains("cannot bind"));
    for (share, binds) in [(0.98, false), (1.02, true)] {
        let near = LeverScenario { penalty_per_piece: 1e-6 * from * share, ..cheap.clone() };
        let grid = Grid::new(&near).unwrap();
        let best = found(&grid, &goal, &exact(10_000));
        let effect = penalty_effect(&grid, &goal, &best, &exact(10_000), &never).unwrap();
        assert_eq!(effect.binds, binds, "at {share} of the least that binds: {effect:?}");
    }
}

#[test]
fn the_published_plan_for_least_stock_needs_a_price_per_piece() {
    let scenario = published_season();
    let goals = scenario.goals();
    // (88.0 - 41.4) / (2.0 - 0.9), from the published figures.
    let least = consistent_from(&goals[2], &scenario.published).unwrap();
    assert!((least - 42.36).abs() < 0.01, "{least}");
    assert!(scenario.penalty_per_piece > least, "the shipped season charges enough");
    assert_eq!(consistent_from(&goals[0], &scenario.published), Some(0.0));
}

#[test]
fn a_scenario_that_makes_no_season_is_refused_with_what_was_expected() {
    type Change = fn(&mut LeverScenario);
    let cases: [(Change, &str); 13] = [
        (|it| it.months.clear(), "months: found 0, expected 1 to 24"),
        (|it| it.baseline.visits[0] = f64::NAN, "baseline.visits is NaN"),
        (|it| it.baseline.visits.truncate(1), "baseline.visits has 1 values: expected one for each of the 2 months"),
        (|it| it.groups[0].stock = -1.0, "group.stock is -1"),
        (|it| it.groups[1].name = "boots".to_owned(), "two entries of [[group]] are named 'boots'"),
        (|it| it.groups[1].baseline_discount = 0.7, "'sandals' can add up to 120 % of its full price"),
        (|it| it.baseline.conversion[1] = 0.95, "in month 'June' the conversion reaches"),
        (|it| it.aggregate.visits = -10.0, "in month 'May' the number of visits reaches"),
        (|it| it.penalty_per_piece = f64::INFINITY, "penalty_per_piece is inf"),
        (|it| it.objectives = vec![Goal { margin: 0.5, ..goal(0.6, 0.0) }], "expected shares that add up to 1"),
        (|it| it.locks = vec![LeverLock::Spend { month: None, value: "much".to_owned() }], "no spend is named 'much'"),
        (
            |it| it.locks = vec![LeverLock::Markdown { group: None, month: None, value: 0.3 }],
            "a lock asks for a markdown of 0.3: expected a multiple of 0.2 up to 0.4",
        ),
        (
            |it| {
                let lock = |value| LeverLock::Markdown { group: None, month: None, value };
                it.locks = vec![lock(0.2), lock(0.4)];
            },
            "contradicts an earlier one",
        ),
    ];
    for (change, expected) in cases {
        let mut scenario = small();
        change(&mut scenario);
        let refused = Grid::new(&scenario).err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|text| text.contains(expected)), "expected '{expected}': {refused:?}");
    }
}

#[test]
fn nothing_to_calibrate_to_is_said() {
    assert_eq!(calibrate(&small(), 10, &never), Err(LeverError::NothingPublished));
}

/// Parts at which the shipped season is looked into: enough for gaps below 2 % whatever the objective.
const PARTS: usize = 30;

#[test]
fn the_shipped_season_comes_within_2_percent_of_the_nine_published_figures() {
    let scenario = published_season();
    let grid = Grid::new(&scenario).unwrap();
    let goals = scenario.goals();
    let mut figures = 0;
    for published in &scenario.published {
        let goal = goals.iter().find(|goal| goal.name == published.objective).unwrap();
        let best = found(&grid, goal, &exact(PARTS));
        for line in compare(published, &best.season, grid.minor_units()) {
            assert!(line.error().abs() <= 0.02, "{line:?} is off by {:.2} %", line.error() * 100.0);
            figures += 1;
        }
    }
    assert_eq!(figures, 9);
}

#[test]
fn the_shipped_season_orders_its_objectives_as_published() {
    let grid = Grid::new(&published_season()).unwrap();
    let goals = grid.scenario().goals();
    let [revenue, margin, inventory] = [0, 1, 2].map(|at: usize| found(&grid, &goals[at], &exact(PARTS)).season);
    assert!(revenue.revenue > margin.revenue && margin.revenue > inventory.revenue);
    assert!(margin.margin > revenue.margin && revenue.margin > 0.0 && inventory.margin < 0.0);
    assert!(inventory.unsold() < revenue.unsold() && revenue.unsold() < margin.unsold());
}

#[test]
fn greedy_search_never_beats_the_proven_one_whose_gap_is_small() {
    let grid = Grid::new(&published_season()).unwrap();
    for goal in grid.scenario().goals() {
        let best = found(&grid, &goal, &exact(PARTS));
        let climbed = greedy(&grid, &goal).1;
        if climbed.sold() >= best.pieces_min {
            let value = Worth::of(&goal, &grid).value(&climbed);
            assert!(value <= best.objective as f64 + 1.0, "{}: {value} > {}", goal.name, best.objective);
        }
        assert!(best.gap() < 0.02, "{}: the gap is {:.3} %", goal.name, best.gap() * 100.0);
    }
}

#[test]
fn a_season_set_by_hand_comes_to_what_the_search_said_of_it() {
    let season = small();
    let grid = Grid::new(&season).unwrap();
    let goal = goal(0.5, 0.1);
    let played = |grid: &Grid, fill| play(grid, &goal, fill, &exact(1000), &never).unwrap();
    let (best, climbed) = (played(&grid, Fill::Best), played(&grid, Fill::Greedy));
    assert!(best.figures.objective >= climbed.figures.objective && climbed.proof.is_none());
    assert_eq!(best.proof.unwrap().bound - best.figures.objective, 1, "proven, but for rounding");
    let locks = best.months.iter().flat_map(|month| {
        let at = Some(month.month.clone());
        let markdown = |cell: &CellReport| LeverLock::Markdown {
            group: Some(cell.group.clone()),
            month: at.clone(),
            value: cell.markdown,
        };
        let spend = LeverLock::Spend { month: at.clone(), value: month.spend.clone() };
        let promotion = LeverLock::Promotion { month: at.clone(), value: month.promotion.clone() };
        month.groups.iter().map(markdown).chain([spend, promotion]).collect::<Vec<_>>()
    });
    let held = Grid::new(&LeverScenario { locks: locks.collect(), ..small() }).unwrap();
    let by_hand = played(&held, Fill::Lowest);
    assert_eq!((&by_hand.figures, &by_hand.months), (&best.figures, &best.months));
}

#[test]
fn a_penalty_of_one_unit_of_money_hardly_moves_the_shipped_season() {
    let scenario = LeverScenario { penalty_per_piece: 1.0, ..published_season() };
    let grid = Grid::new(&scenario).unwrap();
    let goals = grid.scenario().goals();
    let [revenue, inventory] = [0, 2].map(|at: usize| found(&grid, &goals[at], &exact(PARTS)).season);
    assert!(inventory.revenue > 0.95 * revenue.revenue, "far from the 41.4 million that were published");
}

#[test]
fn calibration_finds_its_way_back_from_wrong_prices() {
    let mut scenario = published_season();
    scenario.factors.full_price *= 1.08;
    let start = calibrate(&scenario, 1, &never).unwrap();
    let fitted = calibrate(&scenario, 24, &never).unwrap();
    assert!(start.error_max > 0.05 && fitted.error_max < start.error_max, "{start:?} to {fitted:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_best_plan_of_a_small_season_is_found_and_proven(
        stocks in [50.0..900.0, 50.0..900.0],
        elasticities in [-4.0..0.0, -4.0..0.0],
        seasons in [0.2..2.0, 0.2..2.0],
        promotion in (0.0..0.3, -0.2..0.6),
        aggregate in (-0.5..1.5, -0.5..2.0, -0.05..0.2),
        weights in [0_u32..3, 0_u32..3],
        (revenue, penalty, floor) in (0.0..=1.0, prop_oneof![Just(0.0), 0.0..1.0], prop_oneof![Just(None), (0.1..1.0).prop_map(Some)]),
        (literal, by_value, charge_spend, locked) in any::<(bool, bool, bool, bool)>(),
    ) {
        let mut scenario = LeverScenario { charge_spend, ..small() };
        for (at, group) in scenario.groups.iter_mut().enumerate() {
            (group.stock, group.price_elasticity, group.weight) = (stocks[at], elasticities[at], weights[at]);
            group.season = seasons.to_vec();
        }
        (scenario.promotions[1].price, scenario.promotions[1].units_per_receipt) = promotion;
        let (units_per_receipt, visits, conversion) = aggregate;
        scenario.aggregate = Aggregate { units_per_receipt, visits, conversion };
        scenario.reading = if literal { Reading::Literal } else { Reading::Response };
        if locked {
            scenario.locks = vec![LeverLock::Markdown { group: None, month: Some("June".to_owned()), value: 0.2 }];
        }
        let unsold = if by_value { Unsold::Value } else { Unsold::Units };
        let goal = Goal { unsold, sell_through_min: floor, ..goal(revenue, penalty) };
        let grid = Grid::new(&scenario).unwrap();
        let truth = best_of_all(&grid, &goal);
        for parts in [1, 100_000] {
            match (solve(&grid, &goal, &[], &exact(parts), &never), truth) {
                (Best::Found(best), Some(truth)) => {
                    prop_assert!(best.levers.is_in(grid.domain()));
                    prop_assert!(best.bound as f64 >= truth - 1e-6, "bound {} below {truth}", best.bound);
                    prop_assert!(best.objective as f64 <= truth + 1e-6);
                    if parts > 1 {
                        prop_assert!(best.objective as f64 >= truth - 1.0 - 1e-8 * truth.abs(), "{} < {truth}", best.objective);
                        prop_assert_eq!(best.status, SolveStatus::Optimal);
                    }
                }
                (Best::Found(_), None) => prop_assert!(false, "a plan where there is none"),
                (Best::OutOfReach { proven, .. }, None) => prop_assert!(proven || parts == 1),
                (Best::OutOfReach { proven, .. }, Some(_)) => prop_assert!(!proven && parts == 1),
            }
        }
    }

    #[test]
    fn a_plan_scores_the_same_on_its_way_as_at_its_end(
        markdowns in prop::collection::vec(0_u8..3, 4),
        spends in prop::collection::vec(0_u8..2, 2),
        promotions in prop::collection::vec(0_u8..2, 2),
        late in 0_u8..3,
        revenue in 0.0..=1.0,
    ) {
        let grid = Grid::new(&LeverScenario { charge_spend: true, ..small() }).unwrap();
        let worth = Worth::of(&goal(revenue, 0.3), &grid);
        let mut levers = Levers { markdowns, spends, promotions };
        let mut walk = Walk::new(&grid, &worth);
        walk.score(&levers, 0);
        levers.markdowns[3] = late;
        let expected = worth.value(&season(&grid, &levers));
        prop_assert!((walk.score(&levers, 1).value - expected).abs() < 1e-6);
    }
}
