//! The regressors of one SKU, in one fixed order, and the household stock behind the dip.

use crate::prepare::{Frame, Prepared};
use std::ops::Range;

/// Position of the own log price ratio.
pub(crate) const OWN: usize = 0;
/// Position of the own regular price: moves of the price without promotion have an elasticity of their own.
///
/// One elasticity for both would use those moves, too; but shoppers answer to a lasting price less than to a passing
/// one (Bijmolt, van Heerde and Pieters 2005), regular prices drift with trends that nothing else explains, and an
/// offer only ever changes the passing part. Where both elasticities are the same, this costs hardly any precision,
/// since regular steps are small beside promotions.
pub(crate) const REGULAR: usize = 1;
/// Position of the substitutes' price index.
pub(crate) const CROSS: usize = 2;
/// Position of the substitutes' regular prices.
pub(crate) const CROSS_REGULAR: usize = 3;
/// Position of the advert.
pub(crate) const FEATURE: usize = 4;
/// Position of the display.
pub(crate) const DISPLAY: usize = 5;
/// Position of the household stock left by earlier promotions.
pub(crate) const DIP: usize = 6;
/// Position of the share of the item's places that run its promotion in the period: what demand does in promoted periods
/// for reasons that the panel does not show, see `signal`.
pub(crate) const SIGNAL: usize = 7;
/// Position of the first calendar term; trend and controls follow them.
pub(crate) const CALENDAR: usize = 8;

/// Effects that turn a row's price and support into the log lift of its promotion.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LiftTerms {
    pub(crate) own: f64,
    pub(crate) feature: f64,
    pub(crate) display: f64,
}

impl LiftTerms {
    pub(crate) fn of(effects: &[f64]) -> Self {
        Self { own: effects[OWN], feature: effects[FEATURE], display: effects[DISPLAY] }
    }
}

impl Frame {
    /// Returns the number of regressors.
    pub(crate) fn columns(&self) -> usize {
        CALENDAR + self.season.terms() + 1 + self.controls.len() + self.further_columns()
    }

    /// Returns the position of the linear trend.
    pub(crate) fn trend(&self) -> usize {
        CALENDAR + self.season.terms()
    }
}

impl Prepared<'_> {
    /// Writes the regressors of a row; the dip is left at 0 for [`household_stock`] to fill.
    ///
    /// The trend runs from -0.5 to 0.5 over the history and stays where it ended after it: what demand does beyond
    /// the history is left to the recent level, since an extrapolated slope is the worse guess.
    pub(crate) fn write_row(&self, row: usize, out: &mut [f64]) {
        let c = self.panel.columns();
        let frame = self.frame;
        out[OWN] = self.answered[row];
        out[REGULAR] = self.regular[row];
        out[CROSS] = self.cross[row];
        out[CROSS_REGULAR] = self.cross_regular[row];
        out[FEATURE] = c.feature[row];
        out[DISPLAY] = c.display[row];
        out[DIP] = 0.0;
        out[SIGNAL] = self.promoted_share[row];
        let trend = frame.trend();
        frame.season.write(c.period[row], &mut out[CALENDAR..trend]);
        let passed = f64::from(c.period[row].0 - frame.span.start.0) / frame.span.len().max(1) as f64;
        out[trend] = passed.min(1.0) - 0.5;
        for at in 0..frame.controls.len() {
            out[trend + 1 + at] = self.control(at, row);
        }
        self.write_further(row, &mut out[trend + 1 + frame.controls.len()..]);
    }

    /// Regressors of a row's own promotion: price, advert, display, and none for the dip.
    pub(crate) fn support(&self, row: usize) -> [f64; 4] {
        let c = self.panel.columns();
        [self.answered[row], c.feature[row], c.display[row], 0.0]
    }

    /// Log lift of a row's own promotion, 0 or more.
    pub(crate) fn log_lift(&self, row: usize, terms: LiftTerms) -> f64 {
        let c = self.panel.columns();
        (terms.own * self.answered[row] + terms.feature * c.feature[row] + terms.display * c.display[row]).max(0.0)
    }

    /// Household stock that the promotions before each row of one series left, in units of log lift:
    /// `stock(t) = carry * stock(t-1) + log_lift(t)`, and the row at t+1 gets `stock(t)`. Missing periods only decay.
    ///
    /// `opening` is the stock left at the end of the period before the first row; the stock after the last row is
    /// returned.
    pub(crate) fn household_stock(
        &self,
        series: Range<usize>,
        terms: LiftTerms,
        carry: f64,
        opening: f64,
        mut seen: impl FnMut(usize, f64),
    ) -> f64 {
        let period = &self.panel.columns().period;
        let (mut stock, mut last) = (opening, None);
        for row in series {
            if let Some(last) = last {
                let gap: i32 = period[row].0 - last;
                stock *= carry.powi(gap - 1);
            }
            seen(row, stock);
            stock = carry * stock + self.log_lift(row, terms);
            last = Some(period[row].0);
        }
        stock
    }
}
