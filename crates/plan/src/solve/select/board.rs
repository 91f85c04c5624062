//! The moves that a choice can make now, and which one or two of them lead to the best choice.
//!
//! A choice costs what its candidates lose plus, at every limit, its price times what is left, or a weight times what is
//! missing. Both are 0 or more, so two moves that lose more than the best cost known need not be looked at: moves stand
//! by rising loss and most pairs are never seen. Arithmetic is rounded: it ranks, it decides nothing.

use super::state::State;

/// Limits weighed at once.
const LANES: usize = 4;
/// Step by which the reach grows from nothing, over the heat.
const STEP: f64 = 1e-3;
/// How much farther the next list reaches than the last one came.
const FARTHER: f64 = 1.25;
/// Limits per use above which only the limits that a move touches are weighed.
const SPARSE: usize = 8;
/// Part of the cost that a single move must leave, at most, to be taken without looking at pairs.
const CLEAR: f32 = 0.5;

type Lanes = [f32; LANES];

/// Another row for an open group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub open: u32,
    pub row: u32,
    /// What it costs more than the group's row, limits aside.
    cost: f32,
}

/// How what is left of some limits is weighed.
#[derive(Clone, Copy, Debug, Default)]
struct Scale {
    /// Price of a unit left.
    price: Lanes,
    /// Slope where nothing is left.
    steep: Lanes,
    /// Weight of a unit below the least.
    below: Lanes,
    /// What is left when just the least is used.
    span: Lanes,
    /// Makes the cost 0 at its lowest point.
    base: Lanes,
}

impl Scale {
    #[inline(always)]
    fn weigh<const LEAST: bool>(&self, lane: usize, left: f32) -> f32 {
        let cost = (self.price[lane] * left).max(self.steep[lane] * left);
        if LEAST { cost + self.base[lane] + self.below[lane] * (left - self.span[lane]).max(0.0) } else { cost }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    moves: Vec<Move>,
    scales: Vec<Scale>,
    room: Vec<Lanes>,
    /// What is left after the first move of a pair.
    left: Vec<Lanes>,
    /// What each move uses more of every limit; empty when sparse.
    more: Vec<Lanes>,
    /// Limits that each move touches and what it uses more of them; empty unless sparse.
    touched: Vec<(u32, f32)>,
    starts: Vec<u32>,
    sparse: bool,
    least: bool,
    /// Moves and pairs of moves weighed since the beginning.
    pub steps: u64,
    /// Moves looked at, at most: those that lose least.
    pub most_moves: usize,
    /// Loss over that of a group's row up to which rows are listed.
    reach: f64,
}

impl Board {
    pub fn new(state: &State) -> Self {
        let limits = state.used.len();
        let chunks = limits.div_ceil(LANES);
        let menu = state.menu;
        Self {
            moves: Vec::new(),
            scales: vec![Scale::default(); chunks],
            room: vec![[0.0; LANES]; chunks],
            left: vec![[0.0; LANES]; chunks],
            more: Vec::new(),
            touched: Vec::new(),
            starts: Vec::new(),
            sparse: limits * menu.values.len() > SPARSE * menu.uses.len(),
            least: menu.least.iter().any(|&least| least > 0),
            steps: 0,
            most_moves: usize::MAX,
            reach: 0.0,
        }
    }

    /// Puts up the moves of all groups that are free, and how limits weigh now.
    pub fn set(&mut self, state: &State, free: impl Fn(usize) -> bool) {
        self.weigh(state);
        loop {
            let left_out = self.list(state, &free);
            if !left_out || self.moves.len() >= self.most_moves {
                break;
            }
            self.reach = 2.0 * self.reach + STEP * state.heat;
        }
        let by_cost = |one: &Move, other: &Move| one.cost.total_cmp(&other.cost).then(one.row.cmp(&other.row));
        if self.moves.len() > self.most_moves {
            self.moves.select_nth_unstable_by(self.most_moves, by_cost);
            self.moves.truncate(self.most_moves);
        }
        self.moves.sort_unstable_by(by_cost);
        let last = self.moves.last().map_or(0.0, |one| f64::from(one.cost));
        self.reach = (FARTHER * last).max(STEP * state.heat);
        self.lay_out(state);
    }

    /// Lists the moves of free groups within reach. Returns whether others were left out.
    fn list(&mut self, state: &State, free: &impl Fn(usize) -> bool) -> bool {
        let table = &state.table;
        self.moves.clear();
        let mut left_out = false;
        for (open, group) in table.groups.iter().enumerate().filter(|&(open, _)| free(open)) {
            let now = state.rows[open];
            let farthest = table.losses[now as usize] + self.reach;
            for row in group.from..group.to {
                if table.losses[row as usize] > farthest {
                    left_out = true;
                    break;
                }
                if row != now {
                    self.moves.push(Move { open: open as u32, row, cost: state.cost(open, row) as f32 });
                }
            }
        }
        self.steps += (table.groups.len() + self.moves.len()) as u64;
        left_out
    }

    fn weigh(&mut self, state: &State) {
        for (limit, weight) in state.weights.iter().enumerate() {
            let (chunk, lane) = (limit / LANES, limit % LANES);
            let (price, span) = (state.menu.prices[limit], state.menu.most[limit] - state.menu.least[limit]);
            let scale = &mut self.scales[chunk];
            scale.price[lane] = price as f32;
            scale.steep[lane] = (price - weight.above) as f32;
            scale.below[lane] = weight.below as f32;
            scale.span[lane] = span as f32;
            scale.base[lane] = (-price).max(0.0) as f32 * span as f32;
            self.room[chunk][lane] = (state.menu.most[limit] - state.used[limit]) as f32;
        }
    }

    fn lay_out(&mut self, state: &State) {
        let menu = state.menu;
        self.more.clear();
        self.touched.clear();
        self.starts.clear();
        self.starts.push(0);
        for one in &self.moves {
            let candidate = |row: u32| state.table.candidates[row as usize] as usize;
            let own = menu.uses_of(candidate(one.row)).iter().map(|&(limit, amount)| (limit, amount as f32));
            let now = menu.uses_of(candidate(state.rows[one.open as usize]));
            let both = own.chain(now.iter().map(|&(limit, amount)| (limit, -(amount as f32))));
            if self.sparse {
                let from = self.touched.len();
                self.touched.extend(both);
                self.touched[from..].sort_by_key(|&(limit, _)| limit);
                merge(&mut self.touched, from);
                self.starts.push(self.touched.len() as u32);
            } else {
                let from = self.more.len();
                self.more.resize(from + self.room.len(), [0.0; LANES]);
                let more = self.more[from..].as_flattened_mut();
                both.for_each(|(limit, amount)| more[limit as usize] += amount);
            }
        }
    }

    /// Returns the one or two moves that lead to the least cost.
    pub fn best(&mut self) -> (Option<Move>, Option<Move>) {
        match (self.sparse, self.least) {
            (false, false) => self.search::<false, false>(),
            (false, true) => self.search::<false, true>(),
            (true, false) => self.search::<true, false>(),
            (true, true) => self.search::<true, true>(),
        }
    }

    fn search<const SPARSE: bool, const LEAST: bool>(&mut self) -> (Option<Move>, Option<Move>) {
        let now: f32 = (0..self.room.len()).map(|chunk| self.chunk::<LEAST>(chunk, &self.room[chunk])).sum();
        let (mut least, mut best) = (f32::INFINITY, (None, None));
        for (number, &one) in self.moves.iter().enumerate() {
            if one.cost >= least {
                break;
            }
            let cost = one.cost + self.after::<SPARSE, LEAST>(number, &self.room, now, least - one.cost);
            if cost < least {
                (least, best) = (cost, (Some(one), None));
            }
        }
        self.steps += self.moves.len() as u64;
        if least >= CLEAR * now {
            self.search_pairs::<SPARSE, LEAST>(now, &mut least, &mut best);
        }
        best
    }

    fn search_pairs<const SPARSE: bool, const LEAST: bool>(
        &mut self,
        now: f32,
        least: &mut f32,
        best: &mut (Option<Move>, Option<Move>),
    ) {
        let mut left = std::mem::take(&mut self.left);
        left.copy_from_slice(&self.room);
        for number in 1..self.moves.len() {
            let first = self.moves[number - 1];
            if first.cost + self.moves[number].cost >= *least {
                break;
            }
            let base =
                if SPARSE { self.after::<SPARSE, LEAST>(number - 1, &self.room, now, f32::INFINITY) } else { 0.0 };
            self.apply::<SPARSE>(number - 1, &mut left);
            for (other, second) in self.moves.iter().enumerate().skip(number) {
                let lost = first.cost + second.cost;
                if lost >= *least {
                    break;
                }
                self.steps += 1;
                if first.open == second.open {
                    continue;
                }
                let cost = lost + self.after::<SPARSE, LEAST>(other, &left, base, *least - lost);
                if cost < *least {
                    (*least, *best) = (cost, (Some(first), Some(*second)));
                }
            }
            self.undo::<SPARSE>(number - 1, &mut left);
        }
        self.left = left;
    }

    #[inline(always)]
    fn chunk<const LEAST: bool>(&self, chunk: usize, left: &Lanes) -> f32 {
        (0..LANES).map(|lane| self.scales[chunk].weigh::<LEAST>(lane, left[lane])).sum()
    }

    /// What the limits cost after a move, where they cost `base` before it; any figure from `enough` on if it is more.
    #[inline(always)]
    fn after<const SPARSE: bool, const LEAST: bool>(
        &self,
        number: usize,
        left: &[Lanes],
        base: f32,
        enough: f32,
    ) -> f32 {
        if SPARSE {
            let left = left.as_flattened();
            let touched = &self.touched[self.starts[number] as usize..self.starts[number + 1] as usize];
            let change = |&(limit, more): &(u32, f32)| {
                let (scale, lane, left) =
                    (&self.scales[limit as usize / LANES], limit as usize % LANES, left[limit as usize]);
                scale.weigh::<LEAST>(lane, left - more) - scale.weigh::<LEAST>(lane, left)
            };
            return base + touched.iter().map(change).sum::<f32>();
        }
        let mut sums = [0.0; LANES];
        let mut sum = 0.0;
        let more = &self.more[number * left.len()..(number + 1) * left.len()];
        for ((scale, left), more) in self.scales.iter().zip(left).zip(more) {
            for lane in 0..LANES {
                sums[lane] += scale.weigh::<LEAST>(lane, left[lane] - more[lane]);
            }
            sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            if sum >= enough {
                break;
            }
        }
        sum
    }

    fn apply<const SPARSE: bool>(&self, number: usize, left: &mut [Lanes]) {
        if SPARSE {
            let left = left.as_flattened_mut();
            for &(limit, more) in &self.touched[self.starts[number] as usize..self.starts[number + 1] as usize] {
                left[limit as usize] -= more;
            }
        } else {
            let more = &self.more[number * left.len()..(number + 1) * left.len()];
            for (left, more) in left.as_flattened_mut().iter_mut().zip(more.as_flattened()) {
                *left -= more;
            }
        }
    }

    fn undo<const SPARSE: bool>(&self, number: usize, left: &mut [Lanes]) {
        if SPARSE {
            let (left, room) = (left.as_flattened_mut(), self.room.as_flattened());
            for &(limit, _) in &self.touched[self.starts[number] as usize..self.starts[number + 1] as usize] {
                left[limit as usize] = room[limit as usize];
            }
        } else {
            left.copy_from_slice(&self.room);
        }
    }
}

/// Adds up the amounts of equal limits that stand side by side, from a place on, and drops those that come to nothing.
fn merge(uses: &mut Vec<(u32, f32)>, from: usize) {
    let mut end = from;
    for place in from..uses.len() {
        if end > from && uses[end - 1].0 == uses[place].0 {
            uses[end - 1].1 += uses[place].1;
        } else {
            if end > from && uses[end - 1].1 == 0.0 {
                end -= 1;
            }
            uses[end] = uses[place];
            end += 1;
        }
    }
    if end > from && uses[end - 1].1 == 0.0 {
        end -= 1;
    }
    uses.truncate(end);
}
