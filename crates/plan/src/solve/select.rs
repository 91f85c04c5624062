//! Looks for a better choice of one candidate per group under limits.
//!
//! It anneals: group after group takes back its candidate and draws a new one by what each earns, less a weight for every
//! unit by which a limit would be broken, the more at random the hotter it is. Weights follow how often their limit is
//! broken, so that plans on both sides of every limit are visited and the best that keeps them all is remembered.
//! Never proves anything, never reads a clock, and never returns a choice that breaks a limit as if it kept them.
//!
//! # Source
//! Geman and Geman, 1984 (drawing one variable at a time at falling heat); Morris, 1993 (weights that grow where a
//! search is stuck). The rest is our own.

use super::menu::Menu;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Draws kept ready; a power of two.
const DRAWS: usize = 1 << 12;
/// Groups away from their least loss when it is hottest, per limit.
const ASTRAY: f64 = 3.0;
/// How much colder each round ends than it begins.
const COOLING: f64 = 50.0;
/// Sweeps of the first round.
const SWEEPS: f64 = 200.0;
/// How much longer each round is than the one before.
const LONGER: f64 = 1.5;
/// How much heavier a limit gets when a sweep ends with it broken.
const HEAVIER: f64 = 1.1;
/// How much lighter when not: about one sweep in six ends with it broken.
const LIGHTER: f64 = 0.98;
/// Weight of a limit over its price, at the least.
const LIGHTEST: f64 = 1.01;

/// How much work a search may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Uses of candidates looked at; some 300 million take a second.
    pub steps: u64,
}

/// Searches for a better choice of one candidate per group; `choice` may break limits at the start. Returns the value of
/// the best choice found that keeps all limits and leaves that in `choice`. `None` if there was none: `choice` then holds
/// the one that broke fewest.
///
/// `stop` is asked after every sweep with the best value so far, `i64::MIN` before there is one.
pub fn select(
    menu: &Menu,
    choice: &mut [u32],
    effort: &Effort,
    random: &mut ChaCha8Rng,
    stop: &dyn Fn(i64) -> bool,
) -> Option<i64> {
    let mut search = Search::new(menu, choice);
    if !search.table.groups.is_empty() {
        anneal(&mut search, effort, random, stop);
    }
    choice.copy_from_slice(&search.best_choice);
    (search.best_broken == 0).then_some(search.best_value)
}

/// Rounds of cooling until the effort is spent or the caller has enough.
fn anneal(search: &mut Search, effort: &Effort, random: &mut ChaCha8Rng, stop: &dyn Fn(i64) -> bool) {
    let draws = Draws::new(search.table.widest, random);
    let hottest = hottest(search);
    search.weigh(hottest);
    let mut order: Vec<u32> = (0..search.table.groups.len() as u32).collect();
    let mut sweeps = SWEEPS;
    loop {
        order.shuffle(random);
        let cooler = COOLING.powf(-1.0 / sweeps);
        let mut heat = hottest;
        for _ in 0..sweeps as usize {
            for &open in &order {
                search.visit(open as usize, heat, draws.some(random));
            }
            search.reweigh();
            heat *= cooler;
            let value = if search.best_broken == 0 { search.best_value } else { i64::MIN };
            if search.steps >= effort.steps || stop(value) {
                return;
            }
        }
        sweeps *= LONGER;
    }
}

/// Heat at which as many groups stray from their least loss as there is work for: a few per limit.
fn hottest(search: &Search) -> f64 {
    let table = &search.table;
    let wanted = (ASTRAY * search.limits.len() as f64).min(0.5 * table.groups.len() as f64);
    let astray = |heat: f64| -> f64 {
        let stays = |group: &Open| 1.0 / table.losses(group).map(|loss| (-loss / heat).exp()).sum::<f64>();
        table.groups.iter().map(|group| 1.0 - stays(group)).sum()
    };
    let (mut cold, mut hot) = (1e-6f64, 1e15f64);
    while hot > cold * 1.01 {
        let heat = (cold * hot).sqrt();
        if astray(heat) > wanted { hot = heat } else { cold = heat }
    }
    hot
}

/// Draws made once: the largest of a candidate's energy less heat times such a draw falls on it as often as the
/// Boltzmann distribution asks (Gumbel, 1954).
struct Draws(Vec<f32>);

impl Draws {
    fn new(widest: usize, random: &mut ChaCha8Rng) -> Self {
        let draw = |_| (-(-random.random::<f64>().max(f64::MIN_POSITIVE).ln()).ln()) as f32;
        let mut draws: Vec<f32> = (0..DRAWS).map(draw).collect();
        for place in 0..widest {
            draws.push(draws[place]);
        }
        Self(draws)
    }

    fn some(&self, random: &mut ChaCha8Rng) -> &[f32] {
        &self.0[random.random::<u32>() as usize & (DRAWS - 1)..]
    }
}

/// A group with more than one candidate: its rows of the table.
#[derive(Clone, Copy)]
struct Open {
    group: u32,
    from: u32,
    to: u32,
}

/// Candidates of all open groups, each group's by rising loss, laid out for reading.
struct Table {
    groups: Vec<Open>,
    candidates: Vec<u32>,
    losses: Vec<f64>,
    values: Vec<f64>,
    starts: Vec<u32>,
    uses: Vec<(u32, f64)>,
    widest: usize,
}

impl Table {
    fn new(menu: &Menu) -> Self {
        let mut table = Self {
            groups: Vec::new(),
            candidates: Vec::new(),
            losses: Vec::new(),
            values: Vec::new(),
            starts: vec![0],
            uses: Vec::new(),
            widest: 0,
        };
        for group in (0..menu.groups()).filter(|&group| menu.candidates(group).len() > 1) {
            table.add(menu, group);
        }
        table
    }

    fn add(&mut self, menu: &Menu, group: usize) {
        let mut order: Vec<usize> = menu.candidates(group).collect();
        order.sort_by(|&a, &b| menu.losses[a].total_cmp(&menu.losses[b]));
        let from = self.candidates.len() as u32;
        for &candidate in &order {
            self.candidates.push(candidate as u32);
            self.losses.push(menu.losses[candidate] - menu.losses[order[0]]);
            self.values.push(menu.values[candidate] as f64);
            self.uses.extend(menu.uses_of(candidate).iter().map(|&(limit, amount)| (limit, amount as f64)));
            self.starts.push(self.uses.len() as u32);
        }
        self.groups.push(Open { group: group as u32, from, to: self.candidates.len() as u32 });
        self.widest = self.widest.max(order.len());
    }

    fn losses(&self, group: &Open) -> impl Iterator<Item = f64> {
        self.losses[group.from as usize..group.to as usize].iter().copied()
    }

    fn uses(&self, row: usize) -> &[(u32, f64)] {
        &self.uses[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// What guides the draws at one limit. `room` and `lack` may be rounded; [`Search::used`] is exact.
#[derive(Clone, Copy, Default)]
struct Gauge {
    /// What is left up to the most.
    room: f64,
    /// What is missing to the least.
    lack: f64,
    /// Cost of a unit above the most.
    above: f64,
    /// Cost of a unit below the least.
    below: f64,
    /// Least of both costs: the price, or what makes a typical use felt.
    base: (f64, f64),
}

struct Search<'a> {
    menu: &'a Menu,
    table: Table,
    partners: Vec<Vec<(u32, i64)>>,
    limits: Vec<Gauge>,
    used: Vec<i64>,
    /// Row of each open group's candidate.
    rows: Vec<u32>,
    choice: Vec<u32>,
    value: i64,
    broken: usize,
    best_value: i64,
    best_broken: usize,
    best_choice: Vec<u32>,
    /// Groups that may differ from the best choice.
    moved: Vec<u32>,
    has_moved: Vec<bool>,
    steps: u64,
}

impl<'a> Search<'a> {
    fn new(menu: &'a Menu, choice: &[u32]) -> Self {
        let table = Table::new(menu);
        let mut partners = vec![Vec::new(); if menu.pairs.is_empty() { 0 } else { menu.groups() }];
        for &(group, other, penalty) in &menu.pairs {
            partners[group as usize].push((other, penalty));
        }
        let row = |open: &Open| {
            let own = choice[open.group as usize];
            (open.from..open.to).find(|&row| table.candidates[row as usize] == own)
        };
        let rows = table.groups.iter().map(|open| row(open).expect("Invariant: a group's choice is its own")).collect();
        let mut search = Self {
            menu,
            partners,
            limits: vec![Gauge::default(); menu.most.len()],
            used: vec![0; menu.most.len()],
            rows,
            choice: choice.to_vec(),
            value: 0,
            broken: 0,
            best_value: 0,
            best_broken: 0,
            best_choice: choice.to_vec(),
            moved: Vec::new(),
            has_moved: vec![false; menu.groups()],
            steps: 0,
            table,
        };
        search.count();
        search
    }

    /// Counts value and uses of the choice anew.
    fn count(&mut self) {
        let mut twice = 0;
        for (group, &candidate) in self.choice.iter().enumerate() {
            self.value += self.menu.values[candidate as usize];
            for &(limit, amount) in self.menu.uses_of(candidate as usize) {
                self.used[limit as usize] += amount;
            }
            twice += self.lost(group, candidate as usize);
        }
        self.value -= twice / 2;
        for limit in 0..self.used.len() {
            self.gauge(limit);
        }
        self.broken = (0..self.used.len()).filter(|&limit| self.breaks(limit)).count();
        (self.best_value, self.best_broken) = (self.value, self.broken);
    }

    /// What a candidate loses to the choices of its group's partners.
    fn lost(&self, group: usize, candidate: usize) -> i64 {
        let words = self.menu.words;
        let on = |candidate: usize| &self.menu.on[candidate * words..(candidate + 1) * words];
        let Some(partners) = self.partners.get(group) else { return 0 };
        let common = |other: u32| -> i64 {
            let both = on(candidate).iter().zip(on(self.choice[other as usize] as usize));
            both.map(|(own, other)| i64::from((own & other).count_ones())).sum()
        };
        partners.iter().map(|&(other, penalty)| penalty * common(other)).sum()
    }

    fn breaks(&self, limit: usize) -> bool {
        self.used[limit] > self.menu.most[limit] || self.used[limit] < self.menu.least[limit]
    }

    fn gauge(&mut self, limit: usize) {
        self.limits[limit].room = (self.menu.most[limit] - self.used[limit]) as f64;
        self.limits[limit].lack = (self.menu.least[limit] - self.used[limit]) as f64;
    }

    /// Sets the first weights: twice the price, and where there is none, what makes a typical use felt at this heat.
    fn weigh(&mut self, heat: f64) {
        let mut typical = vec![(0.0, 0.0); self.limits.len()];
        for &(limit, amount) in &self.table.uses {
            let (sum, count) = &mut typical[limit as usize];
            *sum += amount;
            *count += 1.0;
        }
        for ((gauge, (sum, count)), &price) in self.limits.iter_mut().zip(typical).zip(&self.menu.prices) {
            let felt = if sum > 0.0 { heat * count / sum } else { 0.0 };
            gauge.base = (price.max(felt), (-price).max(felt));
            (gauge.above, gauge.below) = (2.0 * gauge.base.0, 2.0 * gauge.base.1);
        }
    }

    /// Makes broken limits heavier and the others lighter.
    fn reweigh(&mut self) {
        for gauge in &mut self.limits {
            let next = |weight: f64, base: f64, broken: bool| {
                (weight * if broken { HEAVIER } else { LIGHTER }).clamp(base * LIGHTEST, base * f64::from(1 << 20))
            };
            gauge.above = next(gauge.above, gauge.base.0, gauge.room < 0.0);
            gauge.below = next(gauge.below, gauge.base.1, gauge.lack > 0.0);
        }
    }

    /// Takes a group's candidate back and draws one anew.
    fn visit(&mut self, open: usize, heat: f64, draws: &[f32]) {
        let Open { group, from, to } = self.table.groups[open];
        let now = self.rows[open] as usize;
        for &(limit, amount) in self.table.uses(now) {
            let gauge = &mut self.limits[limit as usize];
            gauge.room += amount;
            gauge.lack += amount;
        }
        let (mut next, mut least) = (now, f64::INFINITY);
        for (row, &draw) in (from as usize..to as usize).zip(draws) {
            let energy = self.energy(group as usize, row) - heat * f64::from(draw);
            if energy < least {
                (next, least) = (row, energy);
            }
        }
        self.steps += u64::from(self.table.starts[to as usize] - self.table.starts[from as usize]);
        if next == now {
            self.settle_gauges(now);
        } else {
            self.take(open, next);
        }
    }

    /// What a candidate costs where its group has none.
    fn energy(&self, group: usize, row: usize) -> f64 {
        let mut energy = -self.table.values[row];
        for &(limit, amount) in self.table.uses(row) {
            let gauge = &self.limits[limit as usize];
            energy += gauge.above * amount.min(amount - gauge.room).max(0.0);
            energy -= gauge.below * amount.min(gauge.lack).max(0.0);
        }
        if !self.partners.is_empty() {
            energy += self.lost(group, self.table.candidates[row] as usize) as f64;
        }
        energy
    }

    fn settle_gauges(&mut self, row: usize) {
        for place in self.table.starts[row] as usize..self.table.starts[row + 1] as usize {
            self.gauge(self.table.uses[place].0 as usize);
        }
    }

    /// Gives a group another candidate and remembers the choice if it is the best.
    fn take(&mut self, open: usize, next: usize) {
        let group = self.table.groups[open].group as usize;
        let now = self.rows[open] as usize;
        let (old, new) = (self.choice[group] as usize, self.table.candidates[next] as usize);
        self.value += self.menu.values[new] - self.menu.values[old];
        self.value -= self.lost(group, new) - self.lost(group, old);
        for (candidate, sign) in [(old, -1), (new, 1)] {
            for &(limit, amount) in self.menu.uses_of(candidate) {
                let limit = limit as usize;
                self.broken -= usize::from(self.breaks(limit));
                self.used[limit] += sign * amount;
                self.broken += usize::from(self.breaks(limit));
            }
        }
        self.settle_gauges(now);
        self.settle_gauges(next);
        self.rows[open] = next as u32;
        self.choice[group] = new as u32;
        if !std::mem::replace(&mut self.has_moved[group], true) {
            self.moved.push(group as u32);
        }
        self.remember();
    }

    fn remember(&mut self) {
        if self.broken < self.best_broken || self.broken == self.best_broken && self.value > self.best_value {
            (self.best_broken, self.best_value) = (self.broken, self.value);
            for group in self.moved.drain(..) {
                self.best_choice[group as usize] = self.choice[group as usize];
                self.has_moved[group as usize] = false;
            }
        }
    }
}
