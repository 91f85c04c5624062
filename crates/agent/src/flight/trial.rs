//! A trial: a cell's stock path played many times with and without a change, with the same demand behind both.
//!
//! Both are drawn by the same ranks, so that what differs is the change and not the luck. The item's own shelf alone is
//! played: substitutes are the optimiser's business.

use endcap_supply::{Demand, Ranks, counts};
use serde::{Deserialize, Serialize};

/// Paths of a trial.
const PATHS: usize = 128;

/// A cell as the trial begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    /// Pieces on hand.
    pub on_hand: i64,
    /// Pieces that arrive at the start of each period.
    pub arrivals: Vec<i64>,
    /// Cost of keeping a piece for a period, in minor units.
    pub holding_cost: f64,
    /// Cost of a piece that was wanted and not there, beside its margin.
    pub shortage_cost: f64,
}

/// What is played: demand and earnings per piece by period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Play {
    /// Demand.
    pub demand: Vec<Demand>,
    /// What a sold piece earns, in minor units.
    pub margin: Vec<f64>,
}

/// What a change does; money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = TweakEffect))]
pub struct Effect {
    /// Expected change of profit.
    pub mean: f64,
    /// One path in twenty does worse than this.
    pub low: f64,
    /// One path in twenty does better than this.
    pub high: f64,
    /// Pieces lost on average without and with the change.
    pub lost: [f64; 2],
    /// Share of paths whose shelf runs empty, without and with the change.
    pub stockout: [f64; 2],
}

/// Luck that cells share: which path has how much demand in each period.
#[derive(Clone, Debug)]
pub struct Luck(Ranks);

impl Luck {
    /// Draws it for so many periods.
    pub fn new(seed: u64, periods: usize) -> Self {
        Self(Ranks::of_seed(seed, periods, PATHS))
    }
}

/// Plays a set of cells without and with a change, and adds up what it does to all of them.
pub fn tried<'a>(cells: impl IntoIterator<Item = (&'a Shelf, &'a Play, &'a Play)>, luck: &Luck) -> Effect {
    let mut profit = vec![0.0; PATHS];
    let (mut lost, mut empty, mut count) = ([0.0; 2], [0.0; 2], 0.0);
    for (shelf, without, with) in cells {
        let outcomes = [played(shelf, without, luck), played(shelf, with, luck)];
        for (path, sum) in profit.iter_mut().enumerate() {
            *sum += outcomes[1][path].profit - outcomes[0][path].profit;
        }
        for (side, outcome) in outcomes.iter().enumerate() {
            lost[side] += outcome.iter().map(|path| path.lost).sum::<f64>() / PATHS as f64;
            empty[side] += outcome.iter().filter(|path| path.lost > 0.0).count() as f64 / PATHS as f64;
        }
        count += 1.0;
    }
    let mean = profit.iter().sum::<f64>() / PATHS as f64;
    profit.sort_by(f64::total_cmp);
    let [low, high] = [PATHS / 20, PATHS - 1 - PATHS / 20].map(|at| profit[at]);
    Effect { mean, low, high, lost, stockout: empty.map(|sum| if count > 0.0 { sum / count } else { 0.0 }) }
}

#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    profit: f64,
    lost: f64,
}

fn played(shelf: &Shelf, play: &Play, luck: &Luck) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::default(); PATHS];
    let mut stock = vec![shelf.on_hand.max(0); PATHS];
    let mut by_rank = vec![0; PATHS];
    for (period, (&demand, margin)) in play.demand.iter().zip(&play.margin).enumerate() {
        counts(demand, 0.5, &mut by_rank);
        let arrived = shelf.arrivals.get(period).copied().unwrap_or(0);
        for (path, &rank) in luck.0.of_period(period).iter().enumerate() {
            let wanted = by_rank[rank as usize];
            stock[path] += arrived;
            let sold = wanted.min(stock[path]);
            stock[path] -= sold;
            let lost = (wanted - sold) as f64;
            outcomes[path].lost += lost;
            outcomes[path].profit +=
                sold as f64 * margin - stock[path] as f64 * shelf.holding_cost - lost * shelf.shortage_cost;
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(mean: f64, margin: f64) -> Play {
        let demand = Demand { mean, dispersion: 1.5 };
        Play { demand: vec![demand; 2], margin: vec![margin; 2] }
    }

    #[test]
    fn a_cut_price_does_not_pay_where_the_shelf_is_short_and_does_where_it_is_full() {
        let luck = Luck::new(7, 2);
        let (plain, cut) = (play(10.0, 1.0), play(25.0, 0.7));
        let full = Shelf { on_hand: 100, ..Shelf::default() };
        let short = Shelf { on_hand: 18, ..Shelf::default() };
        let gain = tried([(&full, &plain, &cut)], &luck);
        assert!(gain.mean > 0.0 && gain.low > 0.0 && gain.stockout == [0.0, 0.0], "{gain:?}");
        let loss = tried([(&short, &plain, &cut)], &luck);
        assert!(loss.mean < 0.0 && loss.stockout[1] > loss.stockout[0], "{loss:?}");
        assert!((loss.mean + tried([(&short, &cut, &plain)], &luck).mean).abs() < 1e-9, "undoing it is worth as much");
    }

    #[test]
    fn no_change_changes_nothing_whatever_the_luck() {
        let shelf = Shelf { on_hand: 12, arrivals: vec![0, 6], holding_cost: 0.1, shortage_cost: 0.5 };
        let same = tried([(&shelf, &play(9.0, 1.0), &play(9.0, 1.0))], &Luck::new(1, 2));
        assert_eq!((same.mean, same.low, same.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn what_arrives_is_there_in_time() {
        let luck = Luck::new(3, 2);
        let plain = play(10.0, 1.0);
        let without = Shelf { on_hand: 10, ..Shelf::default() };
        let with = Shelf { arrivals: vec![0, 20], ..without.clone() };
        let lost = |shelf: &Shelf| tried([(shelf, &plain, &plain)], &luck).lost[0];
        assert!(lost(&with) < 0.35 * lost(&without), "{} {}", lost(&with), lost(&without));
    }
}
