//! The report: one HTML file that a category manager opens on a phone or a desktop, without any network.
//!
//! [`ReportInput`] borrows what the steps made; [`render`] lays it out as one page with its charts, styles, script
//! and data inside. It never estimates, values or forecasts: every figure arrives ready, and what is worked out here
//! is arrangement (labels, the running ends of a waterfall, a lift curve read off the model's own
//! [`Response::log_lift`](endcap_model::Response::log_lift), the difference of two outcomes with the same seed).
//!
//! Names of items come from outside and are hostile until shown as text: the data lie in one JSON block whose `<`,
//! `>`, `&`, U+2028 and U+2029 are escaped, the page writes them with `textContent`, and a Content-Security-Policy
//! lets only the two scripts of this file run, named by their SHA-256, and no connection at all.

mod analysis;
mod card;
mod curve;
mod data;
mod input;
mod judgement;
mod names;
mod page;
mod reasons;
mod trial;

pub use analysis::AnalysisPage;
pub use input::{
    BacktestRow, Comparison, Credit, Headline, HistoryRow, ItemLabel, KpiRow, OrderSummary, Provenance, ReadinessRow,
    ReportInput, SourceCount, TwinView,
};
pub use trial::TrialPage;

use endcap_demand::ModelCard;
use endcap_model::Currency;

/// Renders the report as one HTML file.
///
/// The same input gives the same bytes.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn render(input: &ReportInput<'_>) -> Result<String, serde_json::Error> {
    let data = serde_json::to_string(&data::of(input))?;
    Ok(page::REPORT.assemble(&data))
}

/// Renders plans under several goals, as `endcap compare` gives them to programs, as one HTML file.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn trade_off(answer: &impl serde::Serialize, currency: Currency) -> Result<String, serde_json::Error> {
    let mut data = serde_json::to_value(answer)?;
    data["currency"] = data::currency(currency);
    Ok(page::TRADE_OFF.assemble(&data.to_string()))
}

/// Renders policies that were tried in simulated worlds as one HTML file.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn trial(page: &TrialPage) -> Result<String, serde_json::Error> {
    Ok(page::TRIAL.assemble(&serde_json::to_string(&trial::of(page))?))
}

/// Renders what past promotions earned as one HTML file.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn analysis(page: &AnalysisPage) -> Result<String, serde_json::Error> {
    Ok(page::ANALYSIS.assemble(&serde_json::to_string(&analysis::of(page))?))
}

/// Renders what a model knows and how far to trust it as one HTML file.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn card(card: &ModelCard) -> Result<String, serde_json::Error> {
    Ok(page::CARD.assemble(&serde_json::to_string(&card::of(card))?))
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
