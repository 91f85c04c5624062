//! Whether an own-price effect hangs on one kind of adjustment: how far it moves when one of them is left out.
//!
//! Trend, season, base price and controls stand for all that happened beside the promotions, and adverts, displays and other
//! items' promotions do not: they are part of what is asked. An estimate that one of the former moves by more than is
//! believed before any data could as well be moved by the next one, which nobody recorded. It must not be called an
//! estimate then, however narrow its interval. Leaving out takes no pass over the rows: it is one step from the normal
//! equations.
//!
//! Sources: Altonji, Elder and Taber (2005) and Oster (2019), coefficient moves as a measure of what is unseen.

use crate::columns::{CALENDAR, REGULAR};
use crate::linear::{Factor, Symmetric};

/// Precision that holds an effect at nothing, beside any information.
const HELD: f64 = 1e12;

/// What an estimate is adjusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adjustment {
    BasePrice,
    Calendar,
    Trend,
    Controls,
}

/// The largest move of an effect by leaving out one kind of adjustment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) by: f64,
    /// Standard deviation of such a move where the adjustment has no effect (Hausman 1978).
    pub(crate) chance: f64,
    pub(crate) without: Adjustment,
}

impl Adjustment {
    /// Words for a reason.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BasePrice => "its price without promotion",
            Self::Calendar => "the season",
            Self::Trend => "the trend",
            Self::Controls => "the controls",
        }
    }
}

/// Leaves out each kind of adjustment in turn. `effects` solve the normal equations of this information; controls run from
/// the trend to `end`.
pub(crate) fn largest_move(
    information: &Symmetric,
    effects: &[f64],
    target: usize,
    (trend, end): (usize, usize),
) -> Moved {
    let right = information.times(effects);
    let kinds = [
        (Adjustment::BasePrice, REGULAR..REGULAR + 1),
        (Adjustment::Calendar, CALENDAR..trend),
        (Adjustment::Trend, trend..trend + 1),
        (Adjustment::Controls, trend + 1..end),
    ];
    let variance = |factor: &Factor| {
        let mut unit = vec![0.0; effects.len()];
        unit[target] = 1.0;
        factor.solve(&mut unit);
        unit[target]
    };
    let whole = variance(&information.clone().factor());
    let none = Moved { by: 0.0, chance: 0.0, without: Adjustment::Trend };
    kinds.into_iter().fold(none, |most, (without, columns)| {
        let mut held = information.clone();
        columns.for_each(|column| *held.at(column, column) += HELD);
        let factor = held.factor();
        let mut solution = right.clone();
        factor.solve(&mut solution);
        let by = (solution[target] - effects[target]).abs();
        let chance = (whole - variance(&factor)).max(0.0).sqrt();
        if by > most.by { Moved { by, chance, without } } else { most }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_that_shares_its_variation_with_the_trend_moves_when_the_trend_is_left_out() {
        let columns = CALENDAR + 1;
        let mut information = Symmetric::zeros(columns);
        (0..columns).for_each(|column| *information.at(column, column) = 10.0);
        *information.at(CALENDAR, 0) = 9.0;
        let mut effects = vec![0.0; columns];
        (effects[0], effects[CALENDAR]) = (-2.0, 1.5);
        let moved = largest_move(&information, &effects, 0, (CALENDAR, columns));
        // Without the trend the effect is -2 + 0.9 * 1.5.
        assert_eq!(moved.without, Adjustment::Trend);
        assert!((moved.by - 1.35).abs() < 1e-6, "{moved:?}");
    }
}
