//! A shop small enough to try every plan, and the trying.

use super::{Shop, shop};
use crate::choices::{Choice, Choices, LineChoices, Picked};
use crate::score::Scorer;
use crate::*;
use endcap_model::*;
use std::collections::BTreeMap;

/// Items of the small shop: name here, name in the large one, category, vendor.
const ITEMS: [[&str; 4]; 3] =
    [["butter", "s0", "dairy", "north"], ["cream", "s1", "dairy", "south"], ["bread", "s3", "bakery", "north"]];

/// Butter and cream, substitutes, and bread in region `a`, over three periods at two depths.
pub fn small() -> Shop {
    let mut shop = named(&["butter", "cream", "bread"], 3);
    let here = |place: &Place| place.as_str().starts_with('a');
    shop.baseline.rows.retain(|row| here(&row.place));
    shop.states.retain(|state| here(&state.place));
    shop
}

/// Butter and bread in two regions of the given names, over two periods.
pub fn two_regions(regions: [&str; 2]) -> Shop {
    let mut shop = named(&["butter", "bread"], 2);
    let name = |store: &Place| Place::new(regions[usize::from(store.as_str().starts_with('b'))]);
    shop.regions = shop.regions.keys().map(|store| (store.clone(), name(store))).collect();
    shop
}

/// The large shop cut down to some items and periods.
fn named(names: &[&str], periods: i32) -> Shop {
    let mut shop = shop();
    let kept = ITEMS.iter().filter(|item| names.contains(&item[0]));
    let known: BTreeMap<Sku, &[&str; 4]> = kept.map(|item| (Sku::new(item[1]), item)).collect();
    let rename = |sku: &mut Sku| match known.get(sku) {
        Some(item) => {
            *sku = Sku::new(item[0]);
            true
        }
        None => false,
    };
    shop.span = Span { start: Period(100), end: Period(100 + periods) };
    shop.baseline.rows.retain_mut(|row| shop.span.contains(row.period) && rename(&mut row.sku));
    shop.baseline.rows.sort_by(|a, b| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)));
    shop.states.retain_mut(|state| rename(&mut state.sku));
    shop.lift.responses.retain_mut(|response| rename(&mut response.sku));
    shop.lift.responses.sort_by(|a, b| a.sku.cmp(&b.sku));
    let item = |(sku, [name, _, category, vendor]): (&Sku, &&[&str; 4])| {
        let sku_there = Sku::new(name);
        let (category, vendor) = (Some((*category).to_owned()), Some((*vendor).to_owned()));
        (sku_there.clone(), ItemEconomics { sku: sku_there, category, vendor, ..shop.items[sku].clone() })
    };
    shop.items = known.iter().map(item).collect();
    shop.scenario.horizon = periods as usize;
    shop.scenario.depths = [0.1, 0.2].map(|share| Depth::from_share(share).unwrap()).to_vec();
    shop.scenario.limits.spacing = 1;
    shop.scenario.limits.capacity_share = f64::INFINITY;
    shop.scenario.limits.budget = 1e6;
    shop.scenario.limits.slots = 3;
    shop.scenario.limits.fixed_cost = 1.0;
    shop
}

/// A shop under the scenario of an example file.
pub fn example(shop: Shop, text: &str) -> Shop {
    let scenario: Scenario = toml::from_str(text).unwrap();
    scenario.check().unwrap();
    assert_eq!(scenario.horizon, shop.span.len());
    Shop { scenario, ..shop }
}

/// Sets the stock of an item in every store, with nothing under way.
pub fn set_stock(shop: &mut Shop, sku: &str, pieces: i64) {
    let own = shop.states.iter_mut().filter(|state| state.sku.as_str() == sku);
    own.for_each(|state| state.on_hand = Pieces(pieces));
}

/// An offer in a tried plan.
pub struct Tried<'a> {
    pub list: &'a LineChoices,
    pub choice: &'a Choice,
}

impl Tried<'_> {
    pub fn is(&self, sku: &str) -> bool {
        self.list.sku.as_str() == sku
    }
}

/// The most that any plan is worth that keeps the budget, the slots and `keeps`, by trying every one.
pub fn best(shop: &Shop, goal: &Goal, keeps: &dyn Fn(&[Tried]) -> bool) -> i64 {
    best_less(shop, goal, keeps, &|_| 0)
}

/// The same, where a plan also costs something.
pub fn best_less(shop: &Shop, goal: &Goal, keeps: &dyn Fn(&[Tried]) -> bool, cost: &dyn Fn(&[Tried]) -> i64) -> i64 {
    let input = shop.input();
    let choices = Choices::new(&input).unwrap();
    let scorer = Scorer::new(&shop.scenario, goal);
    let periods = shop.span.len();
    let cells: Vec<Vec<Option<Picked>>> = (0..choices.lists.len() * periods)
        .map(|cell| {
            let (list, period) = (cell / periods, cell % periods);
            let allowed = choices.lists[list].range(period).map(|choice| Picked { list, choice });
            let allowed = allowed.filter(|&picked| choices.choice(picked).forbidden.is_none());
            std::iter::once(None).chain(allowed.map(Some)).collect()
        })
        .collect();
    let mut best = i64::MIN;
    let mut at = vec![0; cells.len()];
    loop {
        let picks: Vec<Picked> = at.iter().zip(&cells).filter_map(|(&at, cell)| cell[at]).collect();
        let plan: Vec<Tried> = picks
            .iter()
            .map(|&picked| Tried { list: &choices.lists[picked.list], choice: choices.choice(picked) })
            .collect();
        if usual_limits(shop, &plan) && keeps(&plan) {
            let value: i64 = plan.iter().map(|tried| scorer.value(&tried.choice.worth)).sum();
            best = best.max(value - cost(&plan));
        }
        let Some(next) = (0..cells.len()).find(|&cell| at[cell] + 1 < cells[cell].len()) else { break best };
        at[next] += 1;
        at[..next].fill(0);
    }
}

fn usual_limits(shop: &Shop, plan: &[Tried]) -> bool {
    let limits = &shop.scenario.limits;
    let spent: i64 = plan.iter().map(|tried| tried.choice.worth.budget).sum();
    let mut slots: BTreeMap<(&Place, usize), usize> = BTreeMap::new();
    for tried in plan.iter().filter(|tried| tried.list.kind == OfferKind::Promotion) {
        *slots.entry((&tried.list.region, tried.choice.period)).or_default() += 1;
    }
    let near = |one: &Tried, other: &Tried| {
        std::ptr::eq(one.list, other.list) && one.choice.period.abs_diff(other.choice.period) < limits.spacing
    };
    let crowded = plan.iter().enumerate().any(|(at, one)| plan[..at].iter().any(|other| near(one, other)));
    spent <= (limits.budget * 100.0) as i64 && slots.values().all(|&count| count <= limits.slots) && !crowded
}

/// Asserts that the plan is optimal, and returns it.
pub fn assert_optimal(shop: &Shop, keeps: &dyn Fn(&[Tried]) -> bool) -> Proposal {
    let exact = solve::Settings { gap: 0.0, ..solve::Settings::default() };
    let proposal = match propose(&shop.input(), &exact).unwrap() {
        Proposed::Plan(proposal) => proposal,
        Proposed::Infeasible { conflict } => panic!("no plan: {conflict:?}"),
    };
    let best = best(shop, &shop.scenario.goal, keeps);
    assert_eq!((proposal.report.value, proposal.report.bound), (best, best));
    proposal
}
