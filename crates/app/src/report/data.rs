//! The data block of the page: names once, then every section's figures by index, in the order of the page.

use super::input::{Comparison, HistoryRow, KpiRow, ReportInput};
use super::names::Names;
use super::{curve, judgement, reasons};
use endcap_model::{
    Calendar, Currency, Depth, Explanation, ForecastRow, Outcome, Period, Place, Policy, ProfitAndLoss, ProjectionRow,
    RejectedOffer, Scenario, Sku, SolveStatus, Verdict,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds to 5 significant digits, which is more than a person reads and a third of the bytes.
pub(super) fn short(number: f64) -> f64 {
    format!("{number:.4e}").parse().unwrap_or(number)
}

/// Lays out everything that the page shows.
pub(super) fn of(input: &ReportInput<'_>) -> Value {
    let names = Names::of(input);
    let (items, places) = names.listed();
    json!({
        "currency": currency(input.plan.currency),
        "items": items,
        "places": places,
        "reasons": names.sentences,
        "periods": periods(input),
        "headline": headline(input),
        "policy": decision(input),
        "offers": offers(input, &names),
        "pnl": waterfall(&input.plan.report.pnl),
        "references": references(input),
        "limits": limits(input),
        "curves": curves(input, &names),
        "series": demand_series(input, &names),
        "stock": stock_series(input, &names),
        "orders": orders(input, &names),
        "twin": twin(input),
        "rejected": input.plan.report.rejected.iter().map(|offer| rejected(offer, input, &names)).collect::<Vec<_>>(),
        "backtest": backtest(input),
        "readiness": readiness(input),
        "edits": judgement::edits(input.edits),
        "overrides": judgement::overrides(input.overrides),
        "counts": counts(input),
        "scenario": scenario(input.scenario),
        "provenance": provenance(input),
    })
}

/// A currency with the digits that its amounts have.
pub(super) fn currency(currency: Currency) -> Value {
    json!({"code": currency.code(), "digits": currency.exponent().unwrap_or(0)})
}

/// Labels of every period from the first of the history to the last that is mentioned.
fn periods(input: &ReportInput<'_>) -> Value {
    let plan = input.plan;
    let mentioned = input
        .history
        .iter()
        .map(|row| row.period)
        .chain(input.forecast.iter().map(|row| row.period))
        .chain(input.projection.iter().map(|row| row.period))
        .chain(input.orders.shown.iter().flat_map(|order| [order.order_period, order.arrives]))
        .chain([plan.span.start, plan.span.end.plus(-1)]);
    let (first, last) = mentioned.fold((plan.span.start, plan.span.start), |(a, b), p| (a.min(p), b.max(p)));
    let labels: Vec<_> = (first.0..=last.0).map(|period| plan.calendar.format(Period(period))).collect();
    json!({
        "calendar": plan.calendar,
        "first": first,
        "labels": labels,
        "start": plan.span.start,
        "end": plan.span.end,
    })
}

fn headline(input: &ReportInput<'_>) -> Value {
    let (plan, headline) = (input.plan, &input.headline);
    let status = match plan.report.status {
        SolveStatus::Optimal => "No plan can be better.",
        SolveStatus::WithinGap => "The search ended within the gap that was asked for.",
        SolveStatus::Feasible => "The search ended before the gap that was asked for was reached; the bound is true.",
    };
    json!({
        "name": input.scenario.name,
        "objective": plan.report.objective,
        "value": plan.report.value,
        "bound": plan.report.bound,
        "gap": plan.report.gap,
        "status": status,
        "page_value": plan.report.page_value,
        "spend": headline.spend,
        "budget": headline.budget,
        "items": headline.promoted_items,
        "cells": headline.promoted_cells,
        "stockout": headline.stockout_probability,
    })
}

fn decision(input: &ReportInput<'_>) -> Value {
    let decision = input.decision;
    let (verdict, reasons): (_, Vec<String>) = match &decision.verdict {
        Verdict::Approved => ("approved", Vec::new()),
        Verdict::NeedsPerson { reasons } => ("needs_person", reasons.clone()),
        Verdict::Refused { breaches } => ("refused", breaches.iter().map(reasons::breach).collect()),
    };
    let Policy { version, autonomy, .. } = input.policy;
    json!({
        "verdict": verdict,
        "reasons": reasons,
        "signed": decision.signed.as_ref().map(|signed| &signed.person),
        "version": version,
        "autonomy": autonomy,
        "limits": {
            "depth_max": input.policy.depth_max,
            "margin_rate_min": input.policy.margin_rate_min,
            "spend_max": input.policy.spend_max,
            "stockout_probability_max": input.policy.stockout_probability_max,
            "promoted_share_max": input.policy.promoted_share_max,
            "tail_value_min": input.policy.tail_value_min,
            "person_above": input.policy.person_above,
        },
    })
}

fn offers(input: &ReportInput<'_>, names: &Names<'_>) -> Vec<Value> {
    let risks = input.stockout_by_offer.iter().copied().chain(std::iter::repeat(None));
    let offer = |(why, risk): (&Explanation, Option<f64>)| {
        let offer = &why.offer;
        json!({
            "item": names.item(&offer.sku),
            "place": names.place(&offer.place),
            "start": offer.span.start,
            "end": offer.span.end,
            "depth": offer.depth,
            "feature": offer.support.feature,
            "display": offer.support.display,
            "normal": short(why.baseline_units),
            "promoted": short(why.promoted_units),
            "total": why.pnl.total(),
            "pnl": why.pnl.parts().map(|(_, amount)| amount),
            "lo": why.total_95.0,
            "hi": why.total_95.1,
            "budget": why.budget_use,
            "margin": why.priced_margin.round(),
            "because": names.sentence(&why.because),
            "next": why.next_best,
            "risk": risk.map(short),
            "limits": reasons::limits_of(offer, &input.plan.report.limits, input.plan.calendar),
        })
    };
    input.plan.report.offers.iter().zip(risks).map(offer).collect()
}

/// Each cause with where its bar begins and ends, and the total last.
fn waterfall(pnl: &ProfitAndLoss) -> Vec<Value> {
    let mut level = 0;
    let mut bars = Vec::new();
    for (name, amount) in pnl.parts() {
        bars.push(json!({"name": name, "amount": amount, "from": level, "to": level + amount}));
        level += amount;
    }
    bars.push(json!({"name": "total", "amount": level, "from": 0, "to": level}));
    bars
}

fn references(input: &ReportInput<'_>) -> Vec<Value> {
    input.plan.report.references.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn limits(input: &ReportInput<'_>) -> Vec<Value> {
    let limit = |limit: &endcap_model::LimitPrice| {
        json!({
            "name": limit.limit,
            "used": limit.used,
            "available": limit.available,
            "price": short(limit.price),
        })
    };
    input.plan.report.limits.iter().map(limit).collect()
}

fn curves(input: &ReportInput<'_>, names: &Names<'_>) -> Vec<Value> {
    let choices = &input.scenario.depths;
    let responses = input.responses.iter();
    responses.map(|response| curve::response(names.item(&response.sku), response, choices)).collect()
}

fn demand_series(input: &ReportInput<'_>, names: &Names<'_>) -> Vec<Value> {
    let mut history: BTreeMap<(&Sku, &Place), Vec<&HistoryRow>> = BTreeMap::new();
    input.history.iter().for_each(|row| history.entry((&row.sku, &row.place)).or_default().push(row));
    let mut forecast: BTreeMap<(&Sku, &Place), Vec<&ForecastRow>> = BTreeMap::new();
    input.forecast.iter().for_each(|row| forecast.entry((&row.sku, &row.place)).or_default().push(row));
    let depth = offered_depths(input);
    let cells: BTreeSet<_> = history.keys().chain(forecast.keys()).copied().collect();
    let past =
        |cell: &(&Sku, &Place)| history.get(cell).into_iter().flatten().map(|row| past_row(row)).collect::<Vec<_>>();
    let ahead = |cell: &(&Sku, &Place)| {
        let region = input.regions.get(cell.1).unwrap_or(cell.1);
        let depth = |row: &ForecastRow| depth.get(&(cell.0, region, row.period)).copied();
        let rows = forecast.get(cell).into_iter().flatten();
        rows.map(|row| forecast_row(row, input.levels, depth(row))).collect::<Vec<_>>()
    };
    let series = |cell: &(&Sku, &Place)| {
        json!({
            "item": names.item(cell.0),
            "place": names.place(cell.1),
            "history": past(cell),
            "forecast": ahead(cell),
        })
    };
    cells.iter().map(series).collect()
}

/// Depth of the plan by item, region and period.
fn offered_depths<'a>(input: &'a ReportInput<'_>) -> BTreeMap<(&'a Sku, &'a Place, Period), Depth> {
    let offers = input.plan.offers.iter();
    offers.flat_map(|o| o.span.iter().map(move |period| ((&o.sku, &o.place, period), o.depth))).collect()
}

fn past_row(row: &HistoryRow) -> Value {
    json!([row.period, short(row.units), short(row.stockout_share), short(row.depth)])
}

fn forecast_row(row: &ForecastRow, levels: &[f64], depth: Option<Depth>) -> Value {
    let quantile = |level: f64| {
        let at = levels.iter().position(|known| (known - level).abs() < 1e-9)?;
        row.quantiles.get(at).copied().map(short)
    };
    json!([
        row.period,
        short(row.mean),
        short(row.baseline),
        quantile(0.05),
        quantile(0.5),
        quantile(0.95),
        depth.unwrap_or(Depth::ZERO)
    ])
}

fn stock_series(input: &ReportInput<'_>, names: &Names<'_>) -> Vec<Value> {
    let mut paths: BTreeMap<(&Sku, &Place), Vec<&ProjectionRow>> = BTreeMap::new();
    input.projection.iter().for_each(|row| paths.entry((&row.sku, &row.place)).or_default().push(row));
    let row = |row: &&ProjectionRow| {
        let figures = [
            row.stock_q05,
            row.stock_q50,
            row.stock_q95,
            row.stockout_probability,
            row.arrivals,
            row.sales,
            row.lost,
            row.waste,
        ];
        json!([row.period, figures.map(short)])
    };
    let path = |((sku, place), rows): (&(&Sku, &Place), &Vec<&ProjectionRow>)| {
        let worst = rows.iter().map(|row| row.stockout_probability).fold(0.0, f64::max);
        json!({
            "item": names.item(sku),
            "place": names.place(place),
            "worst": short(worst),
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
        })
    };
    paths.iter().map(path).collect()
}

fn orders(input: &ReportInput<'_>, names: &Names<'_>) -> Value {
    let orders = &input.orders;
    let row = |order: &&endcap_model::SupplyOrder| {
        json!({
            "item": names.item(&order.sku),
            "place": names.place(&order.place),
            "supplier": order.supplier,
            "ordered": order.order_period,
            "arrives": order.arrives,
            "quantity": order.quantity,
        })
    };
    json!({
        "orders": orders.orders,
        "pieces": orders.pieces,
        "pieces_now": orders.pieces_now,
        "cost": orders.cost,
        "transfers": orders.transfers,
        "shown": orders.shown.iter().map(row).collect::<Vec<_>>(),
    })
}

fn twin(input: &ReportInput<'_>) -> Value {
    let twin = &input.twin;
    let worlds: BTreeSet<_> = twin.outcomes.iter().map(|outcome| outcome.seed).collect();
    json!({
        "plan": twin.plan,
        "worlds": worlds.len(),
        "comparisons": twin.comparisons.iter().map(|to| comparison(to, &twin.plan, twin.outcomes)).collect::<Vec<_>>(),
    })
}

fn comparison(comparison: &Comparison, plan: &str, outcomes: &[Outcome]) -> Value {
    json!({
        "reference": comparison.reference,
        "rows": comparison.rows.iter().map(kpi).collect::<Vec<_>>(),
        "pairs": profit_pairs(plan, &comparison.reference, outcomes),
    })
}

/// Profit of the plan less that of a reference in the same world, by seed.
fn profit_pairs(plan: &str, reference: &str, outcomes: &[Outcome]) -> Vec<(u64, i64)> {
    let of = |policy: &str| -> BTreeMap<u64, i64> {
        outcomes.iter().filter(|o| o.policy == policy).map(|o| (o.seed, o.profit)).collect()
    };
    let reference = of(reference);
    of(plan).into_iter().filter_map(|(seed, profit)| Some((seed, profit - reference.get(&seed)?))).collect()
}

fn kpi(row: &KpiRow) -> Value {
    json!({
        "policy": row.policy,
        "kpi": row.kpi,
        "more_is_better": row.higher_is_better,
        "mean": row.mean,
        "lo": row.lo95,
        "hi": row.hi95,
        "tail": row.tail05,
        "difference": row.difference,
        "diff_lo": row.diff_lo95,
        "diff_hi": row.diff_hi95,
        "diff_tail": row.diff_tail05,
    })
}

fn rejected(offer: &RejectedOffer, input: &ReportInput<'_>, names: &Names<'_>) -> Value {
    json!({
        "item": names.item(&offer.sku),
        "place": names.place(&offer.place),
        "period": input.plan.calendar.format(offer.period),
        "depth": offer.depth,
        "total": offer.total,
        "margin": offer.priced_margin.round(),
        "because": names.sentence(&offer.because),
    })
}

fn backtest(input: &ReportInput<'_>) -> Vec<Value> {
    let row = |row: &super::BacktestRow| {
        json!({
            "method": row.method,
            "wape": short(row.wape),
            "bias": short(row.bias),
            "promoted": row.wape_promoted.map(short),
            "coverage": row.coverage_90.map(short),
            "cells": row.cells,
        })
    };
    input.backtest.iter().map(row).collect()
}

fn readiness(input: &ReportInput<'_>) -> Vec<Value> {
    let row = |row: &super::ReadinessRow| {
        json!({
            "category": row.category,
            "skus": row.skus,
            "series": row.series,
            "periods": row.periods,
            "promoted": row.promoted_periods,
            "variation": short(row.price_variation),
            "in_stock": short(row.in_stock_share),
            "verdict": row.verdict,
            "missing": row.missing,
            "helps": row.helps,
        })
    };
    input.readiness.iter().map(row).collect()
}

fn counts(input: &ReportInput<'_>) -> Vec<Value> {
    let row = |row: &super::SourceCount| {
        json!({
            "source": row.source,
            "read": row.read,
            "loaded": row.loaded,
            "set_aside": row.set_aside,
            "duplicates": row.duplicates,
        })
    };
    input.counts.iter().map(row).collect()
}

/// The scenario's own terms, as the file has them, without the lists by item.
fn scenario(scenario: &Scenario) -> Value {
    let (items, limits, supply, twin) = (&scenario.items, &scenario.limits, &scenario.supply, &scenario.twin);
    json!({
        "assumptions": scenario.assumptions,
        "depths": scenario.depths,
        "list_price": items.list_price,
        "margin_rate": items.margin_rate,
        "own_terms": items.by_category.len() + items.by_sku.len(),
        "vendor_funding_share": items.vendor_funding_share,
        "budget": limits.budget,
        "slots": limits.slots,
        "spacing": limits.spacing,
        "margin_rate_min": limits.margin_rate_min,
        "fixed_cost": limits.fixed_cost,
        "capacity_share": limits.capacity_share,
        "locks": limits.locks.len(),
        "lead_time_periods": supply.lead_time_periods,
        "review_periods": supply.review_periods,
        "cover_periods": supply.opening_stock.cover_periods,
        "case_pack": supply.case_pack,
        "minimum_order": supply.minimum_order,
        "shelf_life": supply.shelf_life,
        "holding_rate": supply.holding_rate,
        "waste_rate": supply.waste_rate,
        "shortage_rate": supply.shortage_rate,
        "worlds": twin.worlds,
        "seed": twin.seed,
        "elasticity_mean": twin.elasticity_mean,
        "elasticity_sd": twin.elasticity_sd,
        "pull_forward_share": twin.pull_forward_share,
        "substitution_share": twin.substitution_share,
        "shock_sd": twin.shock_sd,
        "late_probability": twin.late_probability,
        "cut_probability": twin.cut_probability,
        "cut_share": twin.cut_share,
    })
}

fn provenance(input: &ReportInput<'_>) -> Value {
    let (plan, from) = (input.plan, &input.provenance);
    let calendar: Calendar = from.calendar;
    json!({
        "plan": plan.id,
        "parent": plan.parent,
        "snapshot": plan.snapshot,
        "as_of": plan.as_of,
        "model": from.model,
        "scenario": from.scenario,
        "policy": input.decision.policy,
        "judged": input.decision.content,
        "code": from.code_version,
        "history": [calendar.format(from.history.start), calendar.format(from.history.end.plus(-1))],
        "more": from.more,
        "credits": input.credits.iter().map(|credit| {
            json!({"name": credit.name, "text": credit.text, "address": credit.address})
        }).collect::<Vec<_>>(),
    })
}
