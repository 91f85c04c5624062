//! Looks for a better choice of one candidate per group under limits.
//!
//! Rounds of a tabu search. A round starts from the candidates with the least losses, some of them exchanged at random,
//! and takes again and again the one or two moves that lead to the least cost, also when that is more than now; what has
//! moved rests a while. Limits may be broken on the way: their weights rise while they are and fall while none is, so
//! that both sides of every limit are visited, and the best choice that keeps them all is remembered.
//!
//! Never proves anything, never reads a clock, never presents a choice that breaks a limit as one that keeps them.
//!
//! # Source
//! Glover (1989), tabu search and its swing between both sides of the limits; Feo and Resende (1995), rounds from
//! random good starts; Morris (1993), weights that grow where a search is stuck. Moves two at a time, of which prices
//! leave few to be weighed, are our own.

mod board;
mod state;
#[cfg(test)]
mod tests;

use crate::solve::menu::Menu;
use board::Board;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use state::State;

/// Candidates open at the beginning; more only while no choice keeps the limits.
const OPEN: usize = 1 << 14;
/// How many times as many then.
const OPENER: usize = 4;
/// Moves that a round looks at, the fewest and the most: few go deep, many go far.
const NEAREST: (f64, f64) = (20.0, 120.0);
/// The most moves that any round looks at.
const FARTHEST: usize = 2000;
/// Moves without a better choice after which a round ends.
const PATIENCE: u32 = 12;
/// Moves with limits broken after which a round looks at twice as many.
const NARROW: u32 = 100;
/// How many times as long as others a round goes on while it has not kept the limits.
const STUBBORN: u32 = 50;
/// Longest rest of a group after a move.
const REST: u32 = 2;

/// How much work a search may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Moves and pairs of moves weighed; some hundred million take a second.
    pub steps: u64,
}

/// Searches for a better choice; `choice` holds a candidate per group and may break limits at the start. Returns the value
/// of the best choice found that keeps all limits and leaves that in `choice`. `None` if there was none: `choice` then
/// holds the one that broke fewest.
///
/// `stop` is asked after every move with the best value so far, [`i64::MIN`] while there is none.
pub fn select(
    menu: &Menu,
    choice: &mut [u32],
    effort: &Effort,
    random: &mut ChaCha8Rng,
    stop: &dyn Fn(i64) -> bool,
) -> Option<i64> {
    let mut size = OPEN;
    let mut state = State::new(menu, choice, size);
    let mut board = Board::new(&state);
    let mut most = NEAREST.1;
    while !state.table.groups.is_empty() && !round(&mut state, &mut board, most as usize, (effort, stop), random) {
        if state.best_value().is_none() && state.table.cut {
            size = size.saturating_mul(OPENER);
            state.open(size);
        }
        let heat = random.random::<f64>() * state.heat;
        state.scatter(heat, random);
        state.remember();
        most = NEAREST.0 * (NEAREST.1 / NEAREST.0).powf(random.random());
    }
    choice.copy_from_slice(state.best_choice());
    state.best_value()
}

/// Moves on until nothing better comes any more. Returns whether the whole search must end.
fn round(
    state: &mut State,
    board: &mut Board,
    most_moves: usize,
    (effort, stop): (&Effort, &dyn Fn(i64) -> bool),
    random: &mut ChaCha8Rng,
) -> bool {
    board.most_moves = most_moves;
    let mut rests_until = vec![0; state.table.groups.len()];
    let (mut top, mut last, mut kept) = (state.merit(), 0, state.broken == 0);
    for now in 1.. {
        board.set(state, |open| rests_until[open] < now);
        let (first, second) = board.best();
        for one in first.into_iter().chain(second) {
            rests_until[one.open as usize] = now + random.random_range(1..=REST);
            state.take(one.open as usize, one.row);
        }
        state.reweigh();
        state.remember();
        kept |= state.broken == 0;
        if state.merit() > top {
            (top, last) = (state.merit(), now);
        }
        if board.steps >= effort.steps || stop(state.best_value().unwrap_or(i64::MIN)) {
            return true;
        }
        let wait = now - last;
        if wait > if kept { PATIENCE } else { PATIENCE * STUBBORN } {
            break;
        }
        if !kept && wait % NARROW == NARROW - 1 {
            board.most_moves = (2 * board.most_moves).min(FARTHEST);
        }
    }
    false
}
