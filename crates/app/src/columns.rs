//! The columns of the tables that plans leave behind; `docs/formats.md` lists them.

use endcap_adapters::tables::Column;
use endcap_agent::jobs::Changed;
use endcap_model::{Forecast, ForecastRow, Outcome, Projection, ProjectionRow};
use std::collections::BTreeMap;

type Columns = Vec<(&'static str, Column)>;

/// `forecast.parquet`: what planners expect, and beside it what the model said.
pub fn forecast(forecast: &Forecast, overridden: &Changed) -> Columns {
    let rows = &forecast.rows;
    let key = |row: &ForecastRow| (row.sku.clone(), row.place.clone(), row.period);
    let model: BTreeMap<_, f64> = overridden.model.iter().map(|row| (key(row), row.mean)).collect();
    let number = |of: &dyn Fn(&ForecastRow) -> f64| Column::Number(rows.iter().map(of).collect());
    vec![
        ("unit_id", Column::Text(rows.iter().map(|row| row.sku.to_string()).collect())),
        ("place_id", Column::Text(rows.iter().map(|row| row.place.to_string()).collect())),
        ("period", Column::Text(rows.iter().map(|row| forecast.calendar.format(row.period)).collect())),
        ("mean", number(&|row| row.mean)),
        ("baseline", number(&|row| row.baseline)),
        ("q05", number(&|row| row.quantiles[0])),
        ("q50", number(&|row| row.quantiles[1])),
        ("q95", number(&|row| row.quantiles[2])),
        ("model_mean", number(&|row| model.get(&key(row)).copied().unwrap_or(row.mean))),
    ]
}

/// `projection.parquet`.
pub fn projection(projection: &Projection) -> Columns {
    let rows = &projection.rows;
    let number = |of: &dyn Fn(&ProjectionRow) -> f64| Column::Number(rows.iter().map(of).collect());
    vec![
        ("unit_id", Column::Text(rows.iter().map(|row| row.sku.to_string()).collect())),
        ("place_id", Column::Text(rows.iter().map(|row| row.place.to_string()).collect())),
        ("period", Column::Text(rows.iter().map(|row| projection.calendar.format(row.period)).collect())),
        ("stock_q05", number(&|row| row.stock_q05)),
        ("stock_q50", number(&|row| row.stock_q50)),
        ("stock_q95", number(&|row| row.stock_q95)),
        ("stockout_probability", number(&|row| row.stockout_probability)),
        ("sales", number(&|row| row.sales)),
        ("lost", number(&|row| row.lost)),
        ("waste", number(&|row| row.waste)),
        ("arrivals", number(&|row| row.arrivals)),
    ]
}

/// `outcomes.csv`: one row per policy of action and simulated world; money in minor units.
pub fn outcomes(outcomes: &[Outcome]) -> Columns {
    let whole = |of: &dyn Fn(&Outcome) -> i64| Column::Whole(outcomes.iter().map(of).collect());
    let number = |of: &dyn Fn(&Outcome) -> f64| Column::Number(outcomes.iter().map(of).collect());
    vec![
        ("policy", Column::Text(outcomes.iter().map(|outcome| outcome.policy.clone()).collect())),
        ("seed", whole(&|outcome| outcome.seed as i64)),
        ("revenue", whole(&|outcome| outcome.revenue)),
        ("margin", whole(&|outcome| outcome.margin)),
        ("profit", whole(&|outcome| outcome.profit)),
        ("discount", whole(&|outcome| outcome.discount)),
        ("sold", whole(&|outcome| outcome.sold)),
        ("sold_promoted", whole(&|outcome| outcome.sold_promoted)),
        ("lost", whole(&|outcome| outcome.lost)),
        ("waste", whole(&|outcome| outcome.waste)),
        ("left", whole(&|outcome| outcome.left)),
        ("stockout_rate", number(&|outcome| outcome.stockout_rate)),
        ("stockout_rate_promoted", number(&|outcome| outcome.stockout_rate_promoted)),
        ("stockout_rate_in_time", number(&|outcome| outcome.stockout_rate_in_time.unwrap_or(f64::NAN))),
        ("fill_rate", number(&|outcome| outcome.fill_rate)),
        ("promo_revenue", whole(&|outcome| outcome.promo_revenue)),
        ("write_down", whole(&|outcome| outcome.write_down)),
        ("waste_cost", whole(&|outcome| outcome.waste_cost)),
        ("expedite_cost", whole(&|outcome| outcome.expedite_cost)),
        ("transfer_cost", whole(&|outcome| outcome.transfer_cost)),
        ("moved", whole(&|outcome| outcome.moved)),
        ("supplied", whole(&|outcome| outcome.supplied)),
        ("stock_cost", whole(&|outcome| outcome.stock_cost)),
        ("forecast_error_place", number(&|outcome| outcome.forecast_error_place.unwrap_or(f64::NAN))),
        ("forecast_error_item", number(&|outcome| outcome.forecast_error_item.unwrap_or(f64::NAN))),
        ("core_coverage", number(&|outcome| outcome.core_coverage.unwrap_or(f64::NAN))),
        ("fragmentation", number(&|outcome| outcome.fragmentation.unwrap_or(f64::NAN))),
    ]
}
