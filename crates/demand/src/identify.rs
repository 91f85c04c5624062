//! Whether a history can tell an effect at all: what each SKU went through, counted before anything is estimated.
//!
//! Never refuses a panel: an effect that the data cannot tell is borrowed or said to be unknown, with the reason.

use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, OWN};
use crate::prepare::{Evidence, Prepared};
use crate::signal::DEVIATION;
use endcap_model::Depth;
use std::collections::{BTreeMap, BTreeSet};

/// Fewest periods in which a promotion, an advert or a display must have been seen (and not been seen).
pub(crate) const PERIODS_MIN: usize = 3;
/// How much wider the variance is taken when an item was never seen at its list price (regime guard): its level and
/// its elasticity then rest on the shape of the curve alone.
const NEVER_AT_LIST: f64 = 4.0;
/// Correlation with demand that nobody sees which the depths of such an item are given.
const FOLLOWED: f64 = 0.5;
/// Least spread of the log price that such a signal is measured against.
const PRICE_SPREAD_MIN: f64 = 0.05;
/// Least variation of a log price index that counts as one.
const VARIATION_MIN: f64 = 1e-4;

/// What the history of one SKU went through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Experience {
    /// Rows that say something about demand.
    pub(crate) usable_rows: usize,
    /// Share of the rows in which stock ran out, so that sales fall short of demand or say nothing of it.
    pub(crate) out_share: f64,
    /// Periods with a usable row in which it was promoted anywhere.
    pub(crate) promoted: usize,
    /// Periods in which it was at its list price somewhere.
    pub(crate) at_list: usize,
    pub(crate) featured: usize,
    pub(crate) not_featured: usize,
    pub(crate) displayed: usize,
    pub(crate) not_displayed: usize,
    /// Periods that followed a promotion within [`AFTER`] periods.
    pub(crate) after_promotion: usize,
    pub(crate) substitutes_moved: bool,
    pub(crate) alone_in_group: bool,
    pub(crate) depth_max: Depth,
    /// Standard deviation of the log price over the usable rows.
    pub(crate) price_spread: f64,
    /// Periods in which each further regressor moved, by position.
    pub(crate) further: BTreeMap<usize, usize>,
}

/// Periods after a promotion in which a dip can be seen.
const AFTER: i32 = 4;

/// Says that something was seen in too few periods.
fn too_few(what: &str, periods: usize) -> String {
    match periods {
        0 => format!("never {what}"),
        1 => format!("{what} in only 1 period, {PERIODS_MIN} are needed"),
        _ => format!("{what} in only {periods} periods, {PERIODS_MIN} are needed"),
    }
}

/// What keeps the data from telling an effect.
pub(crate) struct Lack {
    pub(crate) reason: String,
    /// Factor on the variance of the own estimate; infinite when it must not be used at all.
    pub(crate) widening: f64,
}

impl Experience {
    /// Counts what one SKU went through.
    pub(crate) fn of(prepared: &Prepared, sku: usize, alone_in_group: bool) -> Self {
        let c = prepared.panel.columns();
        let mut promoted = BTreeSet::new();
        let mut sets: [BTreeSet<i32>; 5] = Default::default();
        let mut seen = Self { alone_in_group, further: prepared.further_periods(sku), ..Self::default() };
        let (mut depth_max, mut prices): (f64, [f64; 2]) = (0.0, [0.0; 2]);
        let rows = prepared.panel.rows_of(sku);
        let out = rows.clone().filter(|&row| prepared.evidence[row] != Evidence::Counted).count();
        seen.out_share = out as f64 / rows.len().max(1) as f64;
        for row in rows {
            let period = c.period[row].0;
            if prepared.is_promoted(row) {
                promoted.insert(period);
            }
            if prepared.evidence[row] == Evidence::Nothing {
                continue;
            }
            seen.usable_rows += 1;
            depth_max = depth_max.max(1.0 - prepared.own[row].exp());
            prices[0] += prepared.own[row];
            prices[1] += prepared.own[row].powi(2);
            seen.substitutes_moved |= prepared.cross[row].abs() > VARIATION_MIN;
            let is = [
                prepared.is_promoted(row),
                !prepared.is_promoted(row),
                c.feature[row] >= 0.5,
                c.feature[row] < 0.5,
                c.display[row] >= 0.5,
            ];
            sets.iter_mut().zip(is).filter(|(_, holds)| *holds).for_each(|(set, _)| {
                set.insert(period);
            });
            seen.not_displayed += usize::from(c.display[row] < 0.5);
        }
        let all: BTreeSet<i32> = sets[0].union(&sets[1]).copied().collect();
        let follows = |period: &&i32| promoted.range(*period - AFTER..**period).next().is_some();
        seen.after_promotion = all.iter().filter(follows).count();
        [seen.promoted, seen.at_list, seen.featured, seen.not_featured, seen.displayed] = sets.map(|set| set.len());
        let n = seen.usable_rows.max(1) as f64;
        seen.price_spread = (prices[1] / n - (prices[0] / n).powi(2)).max(0.0).sqrt();
        seen.depth_max = Depth::from_share(depth_max.clamp(0.0, 0.9999)).unwrap_or(Depth::ZERO);
        seen
    }

    /// Variance that the regime guard adds to an own-price effect after pooling, since the doubt is the same for all
    /// items of a group: where every period is discounted no place shows what demand does without, and depths may have
    /// followed demand that nobody sees. Such a signal is given its usual size ([`DEVIATION`]) and half the depths'
    /// moves.
    pub(crate) fn regime_variance(&self) -> f64 {
        let extrapolated = self.promoted >= PERIODS_MIN && self.at_list < PERIODS_MIN;
        if extrapolated { (FOLLOWED * DEVIATION / self.price_spread.max(PRICE_SPREAD_MIN)).powi(2) } else { 0.0 }
    }

    /// Returns how many periods stand behind an effect.
    pub(crate) fn periods_behind(&self, column: usize) -> usize {
        match column {
            FEATURE => self.featured,
            DISPLAY => self.displayed,
            DIP => self.after_promotion,
            _ => self.further.get(&column).copied().unwrap_or(self.promoted),
        }
    }

    /// Returns what keeps the data from telling an effect, if anything does.
    pub(crate) fn lack(&self, column: usize) -> Option<Lack> {
        let unusable = |reason: String| Some(Lack { reason, widening: f64::INFINITY });
        if self.usable_rows == 0 {
            return unusable("no period with stock on the shelf and sales".into());
        }
        let few = |what: &str, periods: usize| unusable(too_few(what, periods));
        match column {
            OWN if self.promoted < PERIODS_MIN => few("promoted", self.promoted),
            OWN if self.at_list < PERIODS_MIN => Some(Lack {
                reason: format!(
                    "at list price in only {} periods: no undiscounted observations to compare with",
                    self.at_list
                ),
                widening: NEVER_AT_LIST,
            }),
            CROSS if self.alone_in_group => unusable("the only item of its group".into()),
            CROSS if !self.substitutes_moved => {
                unusable("the other items of its group never changed their price".into())
            }
            FEATURE if self.featured < PERIODS_MIN => few("advertised", self.featured),
            FEATURE if self.not_featured == 0 => unusable("advertised in every period".into()),
            FEATURE if self.not_featured < PERIODS_MIN => few("not advertised", self.not_featured),
            DISPLAY if self.displayed < PERIODS_MIN => few("displayed", self.displayed),
            DISPLAY if self.not_displayed == 0 => unusable("displayed in every period".into()),
            DISPLAY if self.not_displayed < PERIODS_MIN => few("not displayed", self.not_displayed),
            DIP if self.promoted == 0 => unusable("never promoted".into()),
            DIP if self.after_promotion < PERIODS_MIN => few("followed a promotion", self.after_promotion),
            _ => match self.further.get(&column) {
                Some(&periods) if periods < PERIODS_MIN => few("seen", periods),
                _ => None,
            },
        }
    }
}
