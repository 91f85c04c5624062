//! How a run went: its stock and sales by period, and for one world item by item, to be drawn.
//!
//! Reads the world's books after every period and changes nothing.

use crate::{Note, RunState, World, WorldSpec, quantile};
use endcap_model::{Place, Sku};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Periods on either side of the middle that the size map is taken over: what is under way in one is there in another.
const AROUND: usize = 2;

/// One run, period by period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Course {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// Pieces on all shelves at the end of each period.
    pub on_hand: Vec<i64>,
    /// Pieces sold.
    pub sold: Vec<i64>,
    /// Pieces wanted and not there.
    pub lost: Vec<i64>,
    /// Item-places on offer.
    pub promoted: Vec<i64>,
    /// Revenue less cost of what was sold, minor units.
    pub margin: Vec<i64>,
    /// Margin after all other costs and with vendor money, minor units.
    pub profit: Vec<i64>,
    /// What the policy's forecasts of promoted item-places were off by, and the pieces wanted there.
    pub off: Vec<[f64; 2]>,
    /// Root mean square error of the elasticities that the policy reckoned with; nothing where it has none.
    pub elasticity_error: Vec<Option<f64>>,
    /// State of the size runs; empty where nothing has sizes.
    pub runs: Vec<RunState>,
}

/// One world of one policy, item by item. A style with sizes is one item.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Film {
    /// Name of the policy.
    pub policy: String,
    /// The items or styles, sorted.
    pub items: Vec<Sku>,
    /// By item and period: deepest depth at any store; 0 without offer.
    pub depth: Vec<Vec<f32>>,
    /// By item and period: share of the pieces wanted that were not there.
    pub missed: Vec<Vec<f32>>,
    /// Core sizes in the middle of the horizon; nothing where nothing has sizes.
    pub coverage: Option<Coverage>,
    item_of: Vec<usize>,
}

/// Share of the core sizes that every store has of every style at the end of a period, mean over some periods.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// The first of the periods, as the calendar writes it.
    pub from: String,
    /// The last.
    pub until: String,
    /// The stores, those with most demand first.
    pub places: Vec<Place>,
    /// By style, in the order of the items, and store.
    pub share: Vec<Vec<f32>>,
}

/// The courses of one policy over all worlds, by period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fan {
    /// Name of the policy.
    pub policy: String,
    /// Pieces on all shelves: 5 % quantile, median and 95 % quantile over worlds.
    pub on_hand: Vec<[f64; 3]>,
    /// Item-places on offer, mean over worlds.
    pub promoted: Vec<f64>,
    /// Pieces wanted and not there, over pieces wanted in all worlds.
    pub missed: Vec<f64>,
    /// Pieces per style and place, mean over worlds; empty where nothing has sizes.
    pub pieces_per_run: Vec<f64>,
    /// Share of the core sizes that places have, mean over worlds.
    pub core_coverage: Vec<f64>,
}

/// How often a policy told something of one kind, and the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// How often, over all worlds.
    pub times: usize,
    /// The first.
    pub first: Note,
}

/// Sums courses up by policy, in order of first appearance.
pub fn fans(courses: &[Course]) -> Vec<Fan> {
    let mut policies: Vec<&str> = Vec::new();
    for course in courses {
        if !policies.contains(&course.policy.as_str()) {
            policies.push(&course.policy);
        }
    }
    let fan = |policy: &&str| {
        let own: Vec<&Course> = courses.iter().filter(|course| course.policy == *policy).collect();
        let (periods, styled) = (own[0].on_hand.len(), own[0].runs.len());
        let mean = |of: &dyn Fn(&Course) -> f64| own.iter().map(|course| of(course)).sum::<f64>() / own.len() as f64;
        let band = |at: usize| {
            let values: Vec<f64> = own.iter().map(|course| course.on_hand[at] as f64).collect();
            [0.05, 0.5, 0.95].map(|level| quantile(&values, level))
        };
        let missed = |at: usize| {
            let (lost, sold) = (mean(&|course| course.lost[at] as f64), mean(&|course| course.sold[at] as f64));
            if lost + sold > 0.0 { lost / (lost + sold) } else { 0.0 }
        };
        Fan {
            policy: (*policy).to_owned(),
            on_hand: (0..periods).map(band).collect(),
            promoted: (0..periods).map(|at| mean(&|course| course.promoted[at] as f64)).collect(),
            missed: (0..periods).map(missed).collect(),
            pieces_per_run: (0..styled).map(|at| mean(&|course| course.runs[at].pieces_per_run)).collect(),
            core_coverage: (0..styled).map(|at| mean(&|course| course.runs[at].core_coverage)).collect(),
        }
    };
    policies.iter().map(fan).collect()
}

/// Sums notes up by policy and kind.
pub fn told(notes: &[Note]) -> Vec<Told> {
    let mut by_kind: BTreeMap<(&str, &str), Told> = BTreeMap::new();
    for note in notes {
        let told = by_kind.entry((&note.policy, note.kind)).or_insert_with(|| Told { times: 0, first: note.clone() });
        told.times += 1;
    }
    by_kind.into_values().collect()
}

impl Coverage {
    /// Takes one period more into the mean; it is the `periods`-th.
    fn and(mut self, now: Self, periods: usize) -> Self {
        for (mean, now) in self.share.iter_mut().flatten().zip(now.share.into_iter().flatten()) {
            *mean += (now - *mean) / periods as f32;
        }
        Self { until: now.until, ..self }
    }
}

impl Course {
    pub(crate) fn new(policy: &str, seed: u64) -> Self {
        Self { policy: policy.to_owned(), seed, ..Self::default() }
    }

    /// Takes note of the period that has ended, and of the elasticities that the policy reckons with.
    pub(crate) fn note(&mut self, world: &World<'_>, elasticities: &[(Sku, f64)]) {
        let (books, so_far) = (&world.books, world.outcome(&self.policy));
        self.margin.push(so_far.margin - self.margin.iter().sum::<i64>());
        self.profit.push(so_far.profit - self.profit.iter().sum::<i64>());
        let before = self.off.iter().fold([0.0; 2], |sum, off| [sum[0] + off[0], sum[1] + off[1]]);
        let off = world.forecasts_off();
        self.off.push([off[0] - before[0], off[1] - before[1]]);
        self.elasticity_error.push(world.elasticity_error(elasticities));
        self.on_hand.push(books.iter().map(|books| books.closing).sum());
        self.sold.push(books.iter().map(|books| books.sold).sum());
        self.lost.push(books.iter().map(|books| books.wanted - books.sold).sum());
        self.promoted.push(world.discounts().filter(|&depth| depth > 0.0).count() as i64);
        self.runs.extend(world.run_state());
    }
}

impl Film {
    pub(crate) fn new(policy: &str, spec: &WorldSpec) -> Self {
        let style = |sku: &Sku| spec.size_of(sku).map_or_else(|| sku.clone(), |size| size.style.clone());
        let styles: BTreeSet<Sku> = spec.index.skus.iter().map(|(sku, _)| style(sku)).collect();
        let items: Vec<Sku> = styles.into_iter().collect();
        let number = |sku: &Sku| items.binary_search(&style(sku)).expect("Invariant: every item has its style");
        let by_sku: Vec<usize> = spec.index.skus.iter().map(|(sku, _)| number(sku)).collect();
        let item_of = spec.index.sku_of.iter().map(|&sku| by_sku[sku as usize]).collect();
        let rows = vec![Vec::new(); items.len()];
        Self { policy: policy.to_owned(), items, depth: rows.clone(), missed: rows, coverage: None, item_of }
    }

    /// Takes note of the period that has ended.
    pub(crate) fn note(&mut self, world: &World<'_>) {
        let mut depth = vec![0.0f64; self.items.len()];
        let mut pieces = vec![(0i64, 0i64); self.items.len()];
        for ((&item, books), off) in self.item_of.iter().zip(&world.books).zip(world.discounts()) {
            depth[item] = depth[item].max(off);
            pieces[item].0 += books.wanted;
            pieces[item].1 += books.wanted - books.sold;
        }
        for (item, (depth, (wanted, missed))) in depth.into_iter().zip(pieces).enumerate() {
            self.depth[item].push(depth as f32);
            self.missed[item].push(if wanted > 0 { missed as f32 / wanted as f32 } else { 0.0 });
        }
        let middle = world.spec.span().len().div_ceil(2);
        let counted = middle.saturating_sub(AROUND)..middle + AROUND;
        if counted.contains(&(self.depth[0].len() - 1)) && world.spec.size_runs().any() {
            let now = self.cover(world);
            let periods = self.depth[0].len() - counted.start;
            self.coverage = Some(match self.coverage.take() {
                None => now,
                Some(before) => before.and(now, periods),
            });
        }
    }

    fn cover(&self, world: &World<'_>) -> Coverage {
        let spec = world.spec;
        let mut demand: BTreeMap<u32, f64> = BTreeMap::new();
        let mut core: BTreeMap<(usize, u32), (u32, u32)> = BTreeMap::new();
        let runs = spec.size_runs();
        for (cell, &item) in self.item_of.iter().enumerate() {
            let place = spec.index.place_of[cell];
            *demand.entry(place).or_default() += spec.cells()[cell].mean_demand.iter().sum::<f64>();
            let (all, there) = core.entry((item, place)).or_default();
            *all += u32::from(runs.core[cell]);
            *there += u32::from(runs.core[cell] && world.books[cell].closing > 0);
        }
        let mut places: Vec<(u32, f64)> = demand.into_iter().collect();
        places.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let share = |item: usize, place: u32| match core.get(&(item, place)) {
            Some(&(all, there)) if all > 0 => there as f32 / all as f32,
            _ => 0.0,
        };
        Coverage {
            from: spec.calendar().format(world.period().plus(-1)),
            until: spec.calendar().format(world.period().plus(-1)),
            share: (0..self.items.len())
                .map(|item| places.iter().map(|&(place, _)| share(item, place)).collect())
                .collect(),
            places: places.iter().map(|&(place, _)| spec.index.places[place as usize].clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{spec_of, terms};
    use crate::{Actions, Observation, Policy, try_all};

    struct Idle;

    impl Policy for Idle {
        fn name(&self) -> &str {
            "idle"
        }

        fn allot(&mut self) -> Option<Vec<i64>> {
            None
        }

        fn act(&mut self, _: &Observation) -> Actions {
            Actions::default()
        }
    }

    #[test]
    fn a_course_adds_up_to_the_outcome_of_its_run() {
        let spec = spec_of(&[("a", "x"), ("a", "y"), ("b", "x")], 6);
        let make = || -> Box<dyn Policy> { Box::new(Idle) };
        let trials = try_all(&spec, &terms(), &[&make], &|_, _| {}).unwrap();
        for (course, outcome) in trials.courses.iter().zip(&trials.outcomes) {
            assert_eq!(course.sold.iter().sum::<i64>(), outcome.sold);
            assert_eq!(course.lost.iter().sum::<i64>(), outcome.lost);
            assert_eq!(course.margin.iter().sum::<i64>(), outcome.margin);
            assert_eq!(course.profit.iter().sum::<i64>(), outcome.profit);
            assert_eq!(course.on_hand.last(), Some(&outcome.left));
        }
        let fan = &fans(&trials.courses)[0];
        assert!(fan.on_hand.iter().all(|[low, middle, high]| low <= middle && middle <= high));
        assert_eq!(trials.films.len(), 1, "one world is filmed");
        assert_eq!((trials.films[0].items.len(), trials.films[0].missed[0].len()), (2, 6));
    }

    #[test]
    fn pieces_that_nobody_bought_cannot_be_allotted() {
        let spec = spec_of(&[("a", "x"), ("a", "y"), ("b", "x")], 6);
        let terms = terms();
        let mut world = World::new(&spec, &terms, 1);
        let stock: Vec<i64> = world.observe().cells.iter().map(|cell| cell.on_hand.0).collect();
        let [a, b, c] = stock[..] else { panic!("{stock:?}") };
        assert!(world.allot(&[a + b, 0, c]).is_ok());
        for wrong in [vec![a + b + 1, 0, c], vec![a + b, 0, c + 1], vec![a + b + 1, -1, c], vec![a + b, 0]] {
            let refused = world.allot(&wrong).unwrap_err().to_string();
            assert!(refused.contains("first allocation"), "{refused}");
        }
        assert_eq!(world.observe().cells[0].on_hand.0, a + b);
    }
}
