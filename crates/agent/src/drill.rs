//! The model's answers to a skill drill, made from data before the drill's promotions only.
//!
//! Effects are estimated anew on what was known at the drill's origin. Of the time after it only what people had decided is
//! told (which offers run where, kinds of promotion); weather and the like are what [`Facts::future`] expects, so that the
//! model knows no more than the person.

use crate::sense::Facts;
use endcap_demand::drill::{Drill, Guess, answers};
use endcap_demand::{DemandError, FitSettings, fit};
use endcap_model::{Control, Input, Panel, Period, Place, Sku, Span};
use std::collections::BTreeMap;

/// What kept the model from answering.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DrillError {
    /// The facts do not hold the time before and after the origin.
    #[error("the facts have no history before {0}: draw another drill")]
    NoHistory(String),
    /// Nothing could be estimated or forecast.
    #[error("the model cannot answer from what was known then: {0}")]
    Demand(#[from] DemandError),
}

/// Forecasts the promotions of a drill from what was known at its origin.
///
/// # Errors
/// [`DrillError`] where the history before the origin carries no estimate.
pub fn blind_answers(facts: &Facts, drill: &Drill, settings: &FitSettings) -> Result<Vec<Guess>, DrillError> {
    let none = || DrillError::NoHistory(facts.panel.calendar().format(drill.origin));
    let start = facts.panel.span().filter(|span| span.start < drill.origin).ok_or_else(none)?.start;
    let known = Facts { panel: facts.panel.within(Span { start, end: drill.origin }), ..facts.clone() };
    let future = decided(facts, &known, Span::of_length(drill.origin, drill.horizon)).ok_or_else(none)?;
    let fitted = fit(&known.panel, settings, &|_, _| {})?;
    Ok(answers(&fitted, &known.panel, &future, drill)?)
}

/// The cells of a span as they had been decided before it: prices and support as they were to be, controls as expected. Cells
/// of series that had ended by then are left out.
fn decided(facts: &Facts, known: &Facts, span: Span) -> Option<Panel> {
    let (real, expected) = (facts.panel.within(span), known.future(span, &[]).ok()?);
    let e = expected.columns();
    let key = |panel: &Panel, sku: u32, place: u32, period: Period| -> (Sku, Place, Period) {
        (panel.skus()[sku as usize].sku.clone(), panel.places()[place as usize].place.clone(), period)
    };
    let row_of: BTreeMap<(Sku, Place, Period), usize> =
        (0..expected.len()).map(|row| (key(&expected, e.sku[row], e.place[row], e.period[row]), row)).collect();
    let c = real.columns();
    let (rows, found): (Vec<usize>, Vec<usize>) = (0..real.len())
        .filter_map(|row| Some((row, *row_of.get(&key(&real, c.sku[row], c.place[row], c.period[row]))?)))
        .unzip();
    let of = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
    let controls = c.controls.iter().zip(&e.controls).map(|(real, expected)| {
        let decided = matches!(Input::of(&real.name), Input::Mechanic(_) | Input::Cluster(_));
        let values = if decided { of(&real.values) } else { found.iter().map(|&row| expected.values[row]).collect() };
        Control { name: real.name.clone(), values }
    });
    let columns = endcap_model::PanelColumns {
        sku: rows.iter().map(|&row| c.sku[row]).collect(),
        place: rows.iter().map(|&row| c.place[row]).collect(),
        period: rows.iter().map(|&row| c.period[row]).collect(),
        units: vec![0.0; rows.len()],
        price: of(&c.price),
        base_price: of(&c.base_price),
        feature: of(&c.feature),
        display: of(&c.display),
        stockout_share: vec![0.0; rows.len()],
        controls: controls.collect(),
    };
    Panel::new(real.calendar(), real.skus().to_vec(), real.places().to_vec(), columns).ok()
}
