//! Flow: which pieces of one item to move between which places, so that most is gained after the cost of the ways.
//!
//! A minimum-cost flow with convex costs at both ends (Ahuja, Magnanti and Orlin 1993, chapters 9 and 14): each piece
//! more that a place gives loses more, each more that it takes gains less. Pieces go one at a time along the cheapest
//! way there is left, which may turn earlier pieces to other places (successive shortest paths), until none gains.
//! A place that gives takes nothing and the other way round, so that there are no cycles and no piece travels twice.

use std::collections::BTreeMap;

/// Gains below this share of a unit of money are noise of rounding.
const NOTHING: f64 = 1e-9;

/// Pieces by giver and taker, and what they gain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Flow {
    pub moves: BTreeMap<(usize, usize), i64>,
    pub gain: f64,
}

/// Places of one item. `loss` and `gain` tell the worth of the piece after so many; a loss of infinity is no piece.
pub(crate) struct Exchange<L, G, C> {
    pub places: usize,
    pub loss: L,
    pub gain: G,
    /// Cost of the way between two places; nothing where there is none.
    pub cost: C,
}

/// Pieces given and taken so far, and the worth of the next.
struct Ends {
    given: Vec<i64>,
    taken: Vec<i64>,
    losses: Vec<f64>,
    gains: Vec<f64>,
}

impl<L, G, C> Exchange<L, G, C>
where
    L: Fn(usize, i64) -> f64,
    G: Fn(usize, i64) -> f64,
    C: Fn(usize, usize) -> Option<f64>,
{
    /// Finds the moves that gain most.
    pub fn best(&self) -> Flow {
        let mut flow = Flow::default();
        let mut ends = Ends {
            given: vec![0; self.places],
            taken: vec![0; self.places],
            losses: (0..self.places).map(|place| (self.loss)(place, 0)).collect(),
            gains: (0..self.places).map(|place| (self.gain)(place, 0)).collect(),
        };
        while let Some((way, gain)) = self.cheapest(&flow, &ends) {
            flow.gain += gain;
            let (giver, taker) = (way[0], way[way.len() - 1]);
            ends.given[giver] += 1;
            ends.taken[taker] += 1;
            ends.losses[giver] = (self.loss)(giver, ends.given[giver]);
            ends.gains[taker] = (self.gain)(taker, ends.taken[taker]);
            // Odd steps of the way take a piece back from the place before it.
            for (step, ends) in way.windows(2).enumerate() {
                let (from, to, by) = if step % 2 == 0 { (ends[0], ends[1], 1) } else { (ends[1], ends[0], -1) };
                *flow.moves.entry((from, to)).or_default() += by;
            }
            flow.moves.retain(|_, pieces| *pieces > 0);
        }
        flow
    }

    /// The way of one more piece, giver and taker by turns, that gains most, where any gains.
    fn cheapest(&self, flow: &Flow, ends: &Ends) -> Option<(Vec<usize>, f64)> {
        let mut giver: Vec<f64> = (0..self.places)
            .map(|place| if ends.taken[place] > 0 { f64::INFINITY } else { ends.losses[place] })
            .collect();
        let (mut taker, mut from) = (vec![f64::INFINITY; self.places], vec![usize::MAX; self.places]);
        let mut back = vec![usize::MAX; self.places];
        let mut open: Vec<usize> = (0..self.places).filter(|&place| giver[place].is_finite()).collect();
        while !open.is_empty() {
            let mut reached = Vec::new();
            for &place in &open {
                for to in (0..self.places).filter(|&to| to != place && ends.given[to] == 0) {
                    let Some(cost) = (self.cost)(place, to) else { continue };
                    if giver[place] + cost < taker[to] - NOTHING {
                        (taker[to], from[to]) = (giver[place] + cost, place);
                        reached.push(to);
                    }
                }
            }
            open.clear();
            for (&(sender, to), _) in flow.moves.iter().filter(|((_, to), _)| reached.contains(to)) {
                let freed = taker[to] - (self.cost)(sender, to).unwrap_or(0.0);
                if freed < giver[sender] - NOTHING {
                    (giver[sender], back[sender]) = (freed, to);
                    open.push(sender);
                }
            }
        }
        let gain = |place: usize| ends.gains[place] - taker[place];
        let best = (0..self.places).filter(|&place| taker[place].is_finite());
        let last = best.max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(b.cmp(&a)))?;
        if gain(last) <= NOTHING {
            return None;
        }
        let mut way = vec![last];
        let mut place = from[last];
        loop {
            way.push(place);
            if back[place] == usize::MAX {
                break;
            }
            way.push(back[place]);
            place = from[back[place]];
        }
        way.reverse();
        Some((way, gain(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gains most over all flows of at most two pieces per way, tried one by one.
    fn tried(stock: [i64; 2], worth: [[f64; 2]; 2], cost: [[f64; 2]; 2]) -> f64 {
        let mut best: f64 = 0.0;
        for n in 0..81u32 {
            let x: Vec<i64> = (0..4).map(|at| i64::from(n / 3u32.pow(at) % 3)).collect();
            let (a, b) = (x[0] + x[1], x[2] + x[3]);
            let (c, d) = (x[0] + x[2], x[1] + x[3]);
            if a > stock[0] || b > stock[1] || c > 2 || d > 2 {
                continue;
            }
            let earned: f64 =
                (0..c).map(|n| worth[0][n as usize]).sum::<f64>() + (0..d).map(|n| worth[1][n as usize]).sum::<f64>();
            let paid: f64 = (0..4).map(|at| x[at] as f64 * cost[at / 2][at % 2]).sum();
            best = best.max(earned - paid);
        }
        best
    }

    proptest! {
        #[test]
        fn no_other_moves_gain_more(
            stock in proptest::array::uniform2(0i64..3), worth in proptest::array::uniform2(proptest::array::uniform2(0.0f64..9.0)),
            cost in proptest::array::uniform2(proptest::array::uniform2(0.0f64..6.0)),
        ) {
            let worth = worth.map(|[a, b]| [a.max(b), a.min(b)]);
            // Places 0 and 1 give, 2 and 3 take up to two pieces.
            let exchange = Exchange {
                places: 4,
                loss: |place: usize, nth: i64| if place < 2 && nth < stock[place] { 0.0 } else { f64::INFINITY },
                gain: |place: usize, nth: i64| if place >= 2 && nth < 2 { worth[place - 2][nth as usize] } else { f64::NEG_INFINITY },
                cost: |from: usize, to: usize| (from < 2 && to >= 2).then(|| cost[from][to - 2]),
            };
            let flow = exchange.best();
            prop_assert!((flow.gain - tried(stock, worth, cost)).abs() < 1e-6, "{flow:?}");
            for (giver, &has) in stock.iter().enumerate() {
                let given: i64 = flow.moves.iter().filter(|((from, _), _)| *from == giver).map(|(_, n)| n).sum();
                prop_assert!(given <= has);
            }
        }

        #[test]
        fn nobody_gives_and_takes(
            stock in proptest::collection::vec(0i64..6, 6), wanted in proptest::collection::vec(0.0f64..5.0, 6),
        ) {
            let exchange = Exchange {
                places: 6,
                loss: |place: usize, nth: i64| if nth < stock[place] { wanted[place] / (stock[place] - nth) as f64 } else { f64::INFINITY },
                gain: |place: usize, nth: i64| wanted[place] / (stock[place] + nth + 1) as f64,
                cost: |from: usize, to: usize| Some(if from % 2 == to % 2 { 0.1 } else { 1.5 }),
            };
            let moves = exchange.best().moves;
            prop_assert!(moves.keys().all(|(from, _)| moves.keys().all(|(_, to)| from != to)));
        }
    }
}
