//! Contest: a challenger beside the champion on sales that neither was fitted to.
//!
//! Both forecast the same cells from the same moment, block of periods by block of periods, each block from what was known
//! before it. A block is the unit of draw, for all cells of a period share its shocks and days of a week hang together.
//! Never decides who wins: that is `endcap_govern::succession`.

use crate::ahead::{Belongs, SETS, SoldCell, SoldCells, sold_cells};
use crate::drift::{PeriodError, period_errors};
use crate::error::DemandError;
use crate::fit::Fitted;
use endcap_model::{Calendar, EffectKind, Estimate, LiftModel, Panel, Period, Span};
use serde::{Deserialize, Serialize};

/// Largest size of an elasticity that a shop has; larger ones are a mistake in the data or in the file.
const ELASTICITY_MOST: f64 = 20.0;
/// Largest log of a lift by advert or display: sixty times as much.
const SUPPORT_MOST: f64 = 4.0;
/// Most that a block counts, in logs: one without any error is no endless gain.
const GAIN_MOST: f64 = 3.0;
/// Share of the items whose elasticity may lie surely above 0.
const WRONG_SIGN_MOST: f64 = 0.1;

/// Both models' errors on one set of cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContestSet {
    /// Which cells: all, promoted or base.
    pub cells: String,
    /// Errors of the champion by block, each under the block's first period.
    pub champion: Vec<PeriodError>,
    /// Errors of the challenger on the same cells of the same blocks.
    pub challenger: Vec<PeriodError>,
}

/// Both models' errors on sales that neither was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Periods that are compared.
    pub span: Span,
    /// Periods of a block.
    pub block: usize,
    /// Errors by set of cells.
    pub sets: Vec<ContestSet>,
}

/// Periods of a block: a week of days, else one.
pub fn block_of(calendar: Calendar) -> usize {
    if calendar == Calendar::Day { 7 } else { 1 }
}

/// The periods of a panel that neither model was fitted to, in whole blocks; nothing where there is none.
pub fn unseen(models: [&LiftModel; 2], panel: &Panel) -> Option<Span> {
    let start = models[0].span.end.max(models[1].span.end);
    let block = block_of(panel.calendar());
    let blocks = Span { start, end: panel.span()?.end }.len() / block;
    (blocks > 0).then(|| Span::of_length(start, blocks * block))
}

/// Sets two models beside each other on whole blocks of a span that neither was fitted to.
///
/// # Errors
/// [`DemandError`] when one of them cannot forecast the panel.
pub fn contest(models: [&Fitted; 2], panel: &Panel, span: Span) -> Result<Contest, DemandError> {
    let block = block_of(panel.calendar());
    // What one of them has never seen says nothing of the other.
    let panel = panel.of_items(|entry| models.iter().all(|model| model.item(&entry.sku).is_some()));
    let mut pairs: Vec<(Period, SoldCell, SoldCell)> = Vec::new();
    for origin in span.iter().step_by(block) {
        let within = Span::of_length(origin, block);
        let seen = Span { start: panel.span().map_or(origin, |all| all.start), end: within.end };
        let panel = panel.within(seen);
        let [champion, challenger]: [SoldCells; 2] =
            [sold_cells(models[0], &panel, origin, within)?, sold_cells(models[1], &panel, origin, within)?];
        let both = champion.iter().filter_map(|(key, one)| Some((origin, *one, *challenger.get(key)?)));
        pairs.extend(both);
    }
    let of = |belongs: Belongs, pick: fn(&(Period, SoldCell, SoldCell)) -> SoldCell| {
        let chosen = pairs.iter().filter(|pair| belongs(&pair.1));
        period_errors(chosen.map(|pair| {
            let cell = pick(pair);
            (pair.0, cell.units, cell.mean, cell.price)
        }))
    };
    let set = |(cells, belongs): (&str, Belongs)| ContestSet {
        cells: cells.to_owned(),
        champion: of(belongs, |pair| pair.1),
        challenger: of(belongs, |pair| pair.2),
    };
    Ok(Contest { calendar: panel.calendar(), span, block, sets: SETS.into_iter().map(set).collect() })
}

impl Contest {
    /// One set of cells.
    pub fn set(&self, cells: &str) -> Option<&ContestSet> {
        self.sets.iter().find(|set| set.cells == cells)
    }
}

impl ContestSet {
    /// What each block says: the log of the champion's error over the challenger's, above 0 where the challenger errs less. A
    /// ratio, since weeks with many promotions have larger errors of both. An error of the challenger that is no number counts as
    /// one without bound.
    pub fn gains(&self) -> Vec<f64> {
        let gain = |(champion, challenger): (&PeriodError, &PeriodError)| {
            let (own, other) = (challenger.absolute_error, champion.absolute_error);
            match own == other {
                true => 0.0,
                false if own.is_finite() => (other / own).ln().clamp(-GAIN_MOST, GAIN_MOST),
                false => f64::NEG_INFINITY,
            }
        };
        self.champion.iter().zip(&self.challenger).map(gain).collect()
    }

    /// Errors of champion and challenger by block: sum of absolute errors over units sold; nothing where nothing was sold.
    pub fn wapes(&self) -> [Vec<Option<f64>>; 2] {
        [&self.champion, &self.challenger].map(|blocks| {
            let wape = |of: &PeriodError| Some(of.absolute_error / of.units).filter(|wape| wape.is_finite());
            blocks.iter().map(wape).collect()
        })
    }

    /// Bias of champion and challenger: sum of errors over sum of units, above 0 forecasts too much.
    pub fn bias(&self) -> [f64; 2] {
        [&self.champion, &self.challenger].map(|blocks| {
            let sum = |of: fn(&PeriodError) -> f64| blocks.iter().map(of).sum::<f64>();
            sum(|of| of.expected - of.units) / sum(|of| of.units).max(1e-12)
        })
    }
}

/// What is wrong with a model's effects as numbers: none may be infinite, out of any range that shops have, or of the wrong
/// sign for many items. Empty where they are sane.
pub fn unsound(lift: &LiftModel) -> Vec<String> {
    let mut found = Vec::new();
    let mut tell = |what: &str, items: Vec<&str>| {
        if let Some(first) = items.first() {
            let more = if items.len() > 1 { format!(" and {} more items", items.len() - 1) } else { String::new() };
            found.push(format!("{what}: {first}{more}"));
        }
    };
    let where_any = |is: &dyn Fn(EffectKind, &Estimate) -> bool| -> Vec<&str> {
        let bad = lift.responses.iter().filter(|response| {
            EffectKind::ALL.into_iter().any(|kind| is(kind, response.effect(kind)))
                || response.partners.iter().any(|partner| is(EffectKind::CrossPrice, &partner.effect))
        });
        bad.map(|response| response.sku.as_str()).collect()
    };
    let no_number = |of: &Estimate| ![of.mean, of.se, of.lo95, of.hi95].iter().all(|value| value.is_finite());
    tell("effects that are no numbers", where_any(&|_, of| no_number(of)));
    tell(
        "intervals that do not hold their estimate",
        where_any(&|_, of| !(of.lo95 <= of.mean && of.mean <= of.hi95 && of.se >= 0.0)),
    );
    let most = |kind| match kind {
        EffectKind::OwnPrice | EffectKind::CrossPrice => ELASTICITY_MOST,
        EffectKind::Feature | EffectKind::Display | EffectKind::Dip => SUPPORT_MOST,
    };
    tell("effects larger than any shop has", where_any(&|kind, of| of.mean.abs() > most(kind)));
    let wrong = where_any(&|kind, of| kind == EffectKind::OwnPrice && of.lo95 > 0.0);
    if wrong.len() as f64 > WRONG_SIGN_MOST * lift.responses.len() as f64 {
        tell("items that surely sell less when they are cheaper", wrong);
    }
    if !(0.0..1.0).contains(&lift.dip_carry) {
        found.push(format!("a household stock that does not run out: {} is carried over", lift.dip_carry));
    }
    if lift.responses.is_empty() {
        found.push("no item has an effect".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::weekly;
    use crate::{FitSettings, fit};

    fn fitted(periods: usize) -> (Panel, Fitted) {
        let panel = weekly("a", 60);
        let start = panel.span().unwrap().start;
        let model = fit(&panel.within(Span::of_length(start, periods)), &FitSettings::default(), &|_, _| {}).unwrap();
        (panel, model)
    }

    #[test]
    fn a_model_beside_itself_gains_nothing_on_periods_that_it_has_not_seen() {
        let (panel, model) = fitted(50);
        let span = unseen([&model.lift, &model.lift], &panel).unwrap();
        assert_eq!(span.len(), 10);
        let found = contest([&model, &model], &panel, span).unwrap();
        assert_eq!(found.set("all").unwrap().gains(), vec![0.0; 10]);
        assert!(found.set("promoted").unwrap().champion.len() < 10, "some weeks have no promotion");
        assert_eq!(unseen([&model.lift, &fitted(60).1.lift], &panel), None, "the challenger has seen it all");
    }

    #[test]
    fn a_poisoned_model_loses_and_one_whose_effects_are_no_numbers_loses_by_far() {
        let (panel, model) = fitted(50);
        let span = unseen([&model.lift, &model.lift], &panel).unwrap();
        let mut poisoned = model.clone();
        for item in &mut poisoned.items {
            item.effects.iter_mut().chain(&mut item.predictive).for_each(|effect| *effect *= -2.0);
        }
        let gains = contest([&model, &poisoned], &panel, span).unwrap().set("promoted").unwrap().gains();
        assert!(!gains.is_empty() && gains.iter().all(|gain| *gain < 0.0), "{gains:?}");
        let mut broken = model.clone();
        for item in &mut broken.items {
            item.effects.iter_mut().chain(&mut item.predictive).for_each(|effect| *effect = f64::NAN);
        }
        let gains = contest([&model, &broken], &panel, span).unwrap().set("promoted").unwrap().gains();
        assert!(!gains.is_empty() && gains.iter().all(|gain| *gain < -1.0), "{gains:?}");
    }

    #[test]
    fn effects_that_no_shop_has_are_named() {
        let (_, model) = fitted(60);
        assert_eq!(unsound(&model.lift), Vec::<String>::new());
        let mut lift = model.lift.clone();
        lift.responses[0].own_price.mean = f64::NAN;
        assert!(unsound(&lift)[0].starts_with("effects that are no numbers: a"), "{:?}", unsound(&lift));
        let mut lift = model.lift.clone();
        let price = &mut lift.responses[0].own_price;
        (price.mean, price.lo95, price.hi95) = (3.0, 2.0, 4.0);
        assert!(unsound(&lift)[0].contains("sell less when they are cheaper"), "{:?}", unsound(&lift));
    }
}
