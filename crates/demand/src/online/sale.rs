//! What arrives: sales of a cell so far, and why a row cannot be used.

use endcap_model::{Period, Place, Sku};
use serde::{Deserialize, Serialize};

/// Sales of one item at one place in one period: a running total, which replaces an earlier one of the same cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sale {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Pieces sold so far.
    pub units: f64,
    /// Price paid for one piece.
    pub price: f64,
    /// Price of one piece without promotion; nothing for the last one in the history.
    pub base_price: Option<f64>,
    /// Advertised, 0..=1.
    pub feature: f64,
    /// Displayed, 0..=1.
    pub display: f64,
    /// Share of the selling time so far without stock, 0..=1.
    pub stockout_share: f64,
    /// Share of a usual period's sales that are made by now: 1 once the period is over.
    pub passed: f64,
    /// The model's controls, in their order; the mean of the history where one is not known.
    pub controls: Vec<Option<f64>>,
}

/// Why a row was set aside.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The item is not in the model.
    #[error("item {0} is not in the model: fit again once it has a history")]
    Item(Sku),
    /// The place is not in the model.
    #[error("place {0} is not in the model: fit again once it has a history")]
    Place(Place),
    /// The item was never sold at the place.
    #[error("item {0} has no history at place {1}: fit again once it has one")]
    Series(Sku, Place),
    /// A value that no estimate could use.
    #[error("{column} is {value}: expected {expected}")]
    Value {
        /// The column.
        column: &'static str,
        /// Its value.
        value: f64,
        /// What would have been read.
        expected: &'static str,
    },
    /// The period lies before the history.
    #[error("period {0} is older than the history")]
    Older(String),
    /// The period is part of the history that was fitted.
    #[error("period {0} was fitted already: a correction of it needs a new fit")]
    Fitted(String),
    /// The period lies further ahead than the history is long.
    #[error("period {0} is further from the fit than the history is long: fit again")]
    Ahead(String),
    /// The batch has the same row twice.
    #[error("duplicate: the batch has this row before")]
    Repeated,
    /// The batch has a later row of the same cell.
    #[error("the batch has a later reading of this cell")]
    Overtaken,
    /// The batch has several rows of the cell that differ.
    #[error("the batch has another row of this cell that says something else: state which one holds")]
    Contradicted,
}

impl Sale {
    /// Checks the values.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let share = |v: f64| (0.0..=1.0).contains(&v);
        let price = |v: f64| v > 0.0 && v.is_finite();
        let fault = |column, value, expected| Err(Fault::Value { column, value, expected });
        match self {
            Self { units, .. } if !(*units >= 0.0 && units.is_finite()) => fault("units", *units, "0 or more"),
            Self { price: paid, .. } if !price(*paid) => fault("price", *paid, "a price over 0"),
            Self { base_price: Some(base), .. } if !price(*base) => fault("base_price", *base, "a price over 0"),
            Self { feature, .. } if !share(*feature) => fault("feature", *feature, "a share from 0 to 1"),
            Self { display, .. } if !share(*display) => fault("display", *display, "a share from 0 to 1"),
            Self { stockout_share: out, .. } if !share(*out) => fault("stockout_share", *out, "a share from 0 to 1"),
            Self { passed, .. } if !(*passed > 0.0 && *passed <= 1.0) => {
                fault("period_share", *passed, "a share over 0 up to 1")
            }
            Self { controls, .. } => match controls.iter().flatten().find(|value| !value.is_finite()) {
                Some(value) => fault("control", *value, "a number"),
                None => Ok(()),
            },
        }
    }
}
