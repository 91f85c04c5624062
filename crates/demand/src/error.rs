//! What can be wrong with a panel that is handed to an estimate or a forecast.

use endcap_model::{Calendar, Sku};

/// A panel that cannot be used at all; what merely is too thin is said by the status of each effect instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DemandError {
    /// The panel has no rows.
    #[error("the panel has no rows: a fit needs the sales of at least one item at one place")]
    Empty,
    /// The plan and the history count time differently.
    #[error("the cells to forecast are in a {future} calendar, the history in a {history} calendar: write both alike")]
    Calendars {
        /// Calendar of the history.
        history: Calendar,
        /// Calendar of the cells to forecast.
        future: Calendar,
    },
    /// A cell to forecast names an item that the model was not fitted with.
    #[error(
        "item {0} is not in the fitted model, and too few items are known to forecast it from its likes: fit again on a \
         panel that lists it, or with more items"
    )]
    UnknownSku(Sku),
    /// A history without an item of the model.
    #[error("item {0} of the model is not in the history: give the history that the model was fitted to")]
    OtherHistory(Sku),
    /// What learning on starts from belongs to another fit.
    #[error("the start of the online update belongs to another fit: fit again, or give the two files of one fit")]
    OtherStart,
    /// Levels of quantiles that are none.
    #[error("quantile levels {0:?}: expected rising numbers between 0 and 1, such as 0.05, 0.5, 0.95")]
    Levels(Vec<f64>),
    /// A history too short to hold anything back.
    #[error(
        "the panel has {periods} periods; {origins} rolling origins with a horizon of {horizon} need at least {needed}. \
         Maybe ask for fewer origins or a shorter horizon"
    )]
    TooShort {
        /// Periods in the panel.
        periods: usize,
        /// Origins asked for.
        origins: usize,
        /// Horizon asked for.
        horizon: usize,
        /// Periods that would be enough.
        needed: usize,
    },
}
