//! What is usual: the level of a series around a period, from medians that single wrong rows do not move.

use super::measures::median;
use endcap_model::Calendar;

/// Periods that share one level, and how far around them it looks.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub block: usize,
    pub around: usize,
    /// Periods after which a pattern repeats.
    pub season: usize,
}

impl Window {
    pub fn of(calendar: Calendar) -> Self {
        match calendar {
            Calendar::Day => Self { block: 7, around: 28, season: 7 },
            Calendar::Week | Calendar::Index => Self { block: 4, around: 13, season: 1 },
        }
    }

    /// The slot of a period in the season, such as its weekday.
    pub fn slot(self, period: i32) -> usize {
        period.rem_euclid(self.season as i32) as usize
    }
}

/// The level of each period of a series; NaN is a period about which nothing is known.
pub(crate) fn levels(units: &[f32], window: Window) -> Vec<f32> {
    let (mut levels, mut near) = (Vec::with_capacity(units.len()), vec![]);
    for start in (0..units.len()).step_by(window.block) {
        let end = (start + window.block).min(units.len());
        let around = start.saturating_sub(window.around)..(end + window.around).min(units.len());
        near.clear();
        near.extend(units[around].iter().copied().filter(|units| !units.is_nan()));
        let level = median(&mut near).unwrap_or(f32::NAN);
        levels.extend(std::iter::repeat_n(level, end - start));
    }
    levels
}
