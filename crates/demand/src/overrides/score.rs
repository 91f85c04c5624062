//! How overrides did beside the model, once sales are known.
//!
//! The model's forecast is made again as it could have been made then: fitted on what came before the first period that the
//! author did not know, at the prices and support that were run in fact. Cells out of stock and cells without sales are not
//! scored, for nobody knows what was wanted there.

use super::apply::{Override, override_forecast, owners};
use super::log::{Log, State};
use crate::{DemandError, FitSettings, fit, forecast};
use endcap_model::{Forecast, Panel, Period, Place, Sku, Span};
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of a period out of stock up to which its sales say what was wanted.
const OUT_MAX: f64 = 0.1;

/// How an override did beside the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverrideScore {
    /// The override.
    #[serde(flatten)]
    pub change: Override,
    /// Cells whose sales are known and were in stock.
    pub cells: usize,
    /// Cells that could not be scored: out of stock.
    pub cells_left_out: usize,
    /// Units sold in the scored cells.
    pub sold: f64,
    /// Units of the model in them.
    pub model_units: f64,
    /// Units of the planner in them.
    pub planner_units: f64,
    /// Sum of the model's absolute errors.
    pub model_error: f64,
    /// Sum of the planner's absolute errors.
    pub planner_error: f64,
    /// Whether the planner was nearer; nothing without scored cells, or when both erred alike.
    pub beat_the_model: Option<bool>,
}

/// How overrides in one direction did together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DirectionScore {
    /// Overrides with a scored cell.
    pub overrides: usize,
    /// Those that were nearer than the model.
    pub beat_the_model: usize,
    /// Units sold.
    pub sold: f64,
    /// Sum of the model's absolute errors.
    pub model_error: f64,
    /// Sum of the planners' absolute errors.
    pub planner_error: f64,
    /// Forecast value added: the model's error less the planners', over units sold. Below 0 the model would have done better.
    pub value_added: Option<f64>,
}

/// All overrides beside the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Overrides whose periods are over, by number.
    pub scores: Vec<OverrideScore>,
    /// Overrides whose periods are not over, or of which nothing was recorded.
    pub waiting: Vec<Override>,
    /// Those that raised the forecast, together.
    pub raised: DirectionScore,
    /// Those that lowered it, together.
    pub lowered: DirectionScore,
}

/// Scores every override of a log that was not withdrawn on what was sold.
///
/// # Errors
/// [`DemandError`] when a forecast cannot be made again.
pub fn score(
    log: &Log,
    sales: &Panel,
    settings: &FitSettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Scored, DemandError> {
    let span = sales.span().ok_or(DemandError::Empty)?;
    let kept = log.overrides().filter(|planned| !matches!(log.state(planned, planned.made), State::Withdrawn { .. }));
    let (over, mut waiting): (Vec<Override>, Vec<Override>) =
        kept.cloned().partition(|o| o.calendar == sales.calendar() && o.span.end <= span.end && span.start < o.origin);
    let mut by_origin: BTreeMap<Period, Vec<Override>> = BTreeMap::new();
    over.into_iter().for_each(|planned| by_origin.entry(planned.origin).or_default().push(planned));
    let (mut scores, origins) = (Vec::new(), by_origin.len());
    for (at, (origin, overrides)) in by_origin.into_iter().enumerate() {
        let inner = |done: usize, all: usize| progress(at * all + done, origins * all);
        let known = sales.within(Span { start: span.start, end: origin });
        let fitted = fit(&known, settings, &inner)?;
        let end = overrides.iter().map(|planned| planned.span.end).max().unwrap_or(origin);
        let future = sales.within(Span { start: origin, end });
        let ahead = forecast(&fitted, &known, &future, &[0.5])?;
        let (met, unmet) = overrides.into_iter().partition(|planned| super::meets(&ahead, planned));
        scores.extend(scored(&ahead, met, sales));
        waiting.extend::<Vec<Override>>(unmet);
    }
    scores.sort_by_key(|score| score.change.id);
    waiting.sort_by_key(|planned| planned.id);
    let together = |up: bool| DirectionScore::of(scores.iter().filter(|score| score.raised() == Some(up)));
    let (raised, lowered) = (together(true), together(false));
    Ok(Scored { scores, waiting, raised, lowered })
}

/// Scores overrides of a forecast; those that cannot be applied to it have no cells.
fn scored(ahead: &Forecast, overrides: Vec<Override>, sales: &Panel) -> Vec<OverrideScore> {
    let sold = sold(sales);
    let score = |planned: Override| {
        let mut score = OverrideScore::of(planned);
        let one = std::slice::from_ref(&score.change);
        let (Ok((changed, _)), Ok(rows)) = (override_forecast(ahead, one), owners(ahead, one)) else { return score };
        for row in rows.into_keys() {
            let (model, planner) = (&ahead.rows[row], &changed.rows[row]);
            score.add(model.mean, planner.mean, sold.get(&(&model.sku, &model.place, model.period)).copied());
        }
        score.judge();
        score
    };
    overrides.into_iter().map(score).collect()
}

/// Units of every cell that was in stock; nothing for those that were not.
fn sold(sales: &Panel) -> BTreeMap<(&Sku, &Place, Period), Option<f64>> {
    let c = sales.columns();
    let cell = |row: usize| {
        let key = (&sales.skus()[c.sku[row] as usize].sku, &sales.places()[c.place[row] as usize].place, c.period[row]);
        (key, (c.stockout_share[row] <= OUT_MAX).then_some(c.units[row]))
    };
    (0..sales.len()).map(cell).collect()
}

impl DirectionScore {
    fn of<'a>(scores: impl Iterator<Item = &'a OverrideScore>) -> Self {
        let sum = scores.fold(Self::default(), |sum, score| Self {
            overrides: sum.overrides + 1,
            beat_the_model: sum.beat_the_model + usize::from(score.beat_the_model == Some(true)),
            sold: sum.sold + score.sold,
            model_error: sum.model_error + score.model_error,
            planner_error: sum.planner_error + score.planner_error,
            value_added: None,
        });
        let value_added = (sum.sold > 0.0).then(|| (sum.model_error - sum.planner_error) / sum.sold);
        Self { value_added, ..sum }
    }
}

impl OverrideScore {
    fn of(change: Override) -> Self {
        let (cells, cells_left_out, sold, model_units, planner_units) = (0, 0, 0.0, 0.0, 0.0);
        let (model_error, planner_error, beat_the_model) = (0.0, 0.0, None);
        Self {
            change,
            cells,
            cells_left_out,
            sold,
            model_units,
            planner_units,
            model_error,
            planner_error,
            beat_the_model,
        }
    }

    fn add(&mut self, model: f64, planner: f64, sold: Option<Option<f64>>) {
        let Some(sold) = sold.flatten() else {
            self.cells_left_out += 1;
            return;
        };
        self.cells += 1;
        self.sold += sold;
        self.model_units += model;
        self.planner_units += planner;
        self.model_error += (model - sold).abs();
        self.planner_error += (planner - sold).abs();
    }

    fn judge(&mut self) {
        let alike = self.model_error == self.planner_error;
        self.beat_the_model = (!alike).then_some(self.planner_error < self.model_error);
    }

    /// Whether it raised the forecast; nothing without scored cells.
    fn raised(&self) -> Option<bool> {
        (self.cells > 0).then_some(self.planner_units > self.model_units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::{Change, Proposed};
    use endcap_model::Calendar;

    /// 40 even weeks of about 20 pieces, then two of 40 and two of 20.
    fn sales() -> Panel {
        let whole = crate::test_support::weekly("a", 44);
        let mut columns = whole.columns().clone();
        for row in 40..42 {
            columns.units[row] *= 2.0;
        }
        Panel::new(Calendar::Index, whole.skus().to_vec(), whole.places().to_vec(), columns).unwrap()
    }

    fn log(known: &Panel, changes: &[((i32, i32), Change)]) -> Log {
        let lift = fit(known, &FitSettings::default(), &|_, _| {}).unwrap().lift;
        let mut log = Log::default();
        for &((start, end), change) in changes {
            let span = Span { start: Period(start), end: Period(end) };
            let (made, expires) = ("2024-06-01".parse().unwrap(), "2024-07-01".parse().unwrap());
            let (reason, author) = ("a fair next door".to_owned(), "Ada".to_owned());
            let proposed = Proposed {
                sku: "a".into(),
                place: None,
                span,
                change,
                reason,
                author,
                made,
                expires,
                needs_approval: false,
            };
            log.add(proposed, &lift).unwrap();
        }
        log
    }

    #[test]
    fn overrides_are_scored_against_what_the_model_could_have_known() {
        let sales = sales();
        let known = sales.within(Span { start: Period(0), end: Period(40) });
        let changes =
            [((40, 42), Change::Factor(2.0)), ((42, 44), Change::Factor(0.5)), ((44, 46), Change::Units(9.0))];
        let scored = score(&log(&known, &changes), &sales, &FitSettings::default(), &|_, _| {}).unwrap();
        let beat: Vec<_> = scored.scores.iter().map(|score| score.beat_the_model).collect();
        assert_eq!(beat, [Some(true), Some(false)], "{scored:?}");
        assert_eq!(scored.waiting.iter().map(|o| o.id).collect::<Vec<_>>(), [3]);
        assert_eq!((scored.raised.overrides, scored.lowered.beat_the_model), (1, 0));
    }

    #[test]
    fn cells_out_of_stock_are_not_scored() {
        let sales = sales();
        let known = sales.within(Span { start: Period(0), end: Period(40) });
        let mut columns = sales.columns().clone();
        (40..42).for_each(|row| columns.stockout_share[row] = 0.5);
        let out = Panel::new(Calendar::Index, sales.skus().to_vec(), sales.places().to_vec(), columns).unwrap();
        let log = log(&known, &[((40, 42), Change::Factor(2.0))]);
        let scored = score(&log, &out, &FitSettings::default(), &|_, _| {}).unwrap();
        let only = &scored.scores[0];
        assert_eq!((only.cells, only.cells_left_out, only.beat_the_model), (0, 2, None));
    }
}
