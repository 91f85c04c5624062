//! Rows of a plan that no forecast can use: each is set aside with its reason, and the rest is forecast. A plan whose prices
//! are as a whole in another unit than the history's is refused.

use super::forecast::LastPrices;
use anyhow::bail;
use endcap_adapters::sift::{Check, SetAside, other_unit, within_reach};
use endcap_adapters::tables::Table;
use endcap_demand::{DemandError, Fitted};
use endcap_model::{COMPETITOR_PRICE, Panel, Sku};
use std::collections::BTreeMap;

/// Sets aside what cannot be forecast: values that are none, cells given twice, periods out of reach, prices in another unit.
pub(super) fn sift(plan: &mut Table, history: &Panel, controls: &[String]) -> anyhow::Result<Vec<SetAside>> {
    let calendar = history.calendar();
    let mut checks = vec![Check::Text("unit_id"), Check::Text("place_id"), Check::Period("period", calendar)];
    checks.extend([Check::Price("price"), Check::PriceIfAny("base_price")]);
    checks.extend([Check::Share("feature"), Check::Share("display")]);
    checks.extend(controls.iter().filter(|name| *name != COMPETITOR_PRICE).map(|name| Check::Number(name)));
    let mut aside = plan.sift(&checks)?;
    if ["unit_id", "place_id", "period", "price"].iter().all(|column| plan.has(column)) {
        aside.extend(plan.sift_repeated(&["unit_id", "place_id", "period"])?);
        aside.extend(out_of_reach(plan, history)?);
        aside.extend(in_another_unit(plan, history)?);
    }
    aside.sort_by_key(|aside| aside.row);
    match aside.first() {
        Some(first) if plan.is_empty() => {
            bail!("{}: none of its {} rows can be forecast; {first}", plan.name, aside.len())
        }
        _ => Ok(aside),
    }
}

/// Periods that are in the history already, or further ahead than it can tell.
fn out_of_reach(plan: &mut Table, history: &Panel) -> anyhow::Result<Vec<SetAside>> {
    let Some(span) = history.span() else { return Ok(vec![]) };
    let calendar = history.calendar();
    let periods = plan.periods_of("period", calendar)?;
    let expected = format!(
        "a period after {}, the last of the history, and at most as far ahead as it is long or a year",
        calendar.format(span.end.plus(-1))
    );
    let far = |row: &usize| !within_reach(periods[*row], span.end, span.len(), calendar);
    let fault = |row: usize| (row, plan.fault(row, "period", &calendar.format(periods[row]), &expected));
    let faults = (0..plan.len()).filter(far).map(fault).collect();
    Ok(plan.set_aside(faults))
}

/// Prices that cannot be in the unit of the item's last known one.
fn in_another_unit(plan: &mut Table, history: &Panel) -> anyhow::Result<Vec<SetAside>> {
    let (items, places) = (plan.text("unit_id")?, plan.text("place_id")?);
    let known = LastPrices::of(history);
    let usual: Vec<Option<f64>> = items.iter().zip(&places).map(|(item, place)| known.find(item, place)).collect();
    let mut columns = vec![("price", plan.numbers("price")?.into_iter().map(Some).collect())];
    if plan.has("base_price") {
        columns.push(("base_price", plan.optional_numbers("base_price")?));
    }
    let mut faults = BTreeMap::new();
    for (column, prices) in &columns {
        let off = |row: &usize| prices[*row].zip(usual[*row]).is_some_and(|(price, usual)| other_unit(price, usual));
        let rows: Vec<usize> = (0..plan.len()).filter(off).collect();
        let compared = usual.iter().zip(prices).filter(|(usual, price)| usual.is_some() && price.is_some()).count();
        if let Some(&first) = rows.first().filter(|_| 2 * rows.len() > compared) {
            let (price, usual) = (prices[first].unwrap_or_default(), usual[first].unwrap_or_default());
            bail!(
                "{}: {} of {compared} values of {column} cannot be in the unit of the history: {} is {price}, its last price \
                 in the history {usual}: write both in one unit, such as {usual}",
                plan.name,
                rows.len(),
                items[first]
            );
        }
        for row in rows {
            let (price, usual) = (prices[row].unwrap_or_default(), usual[row].unwrap_or_default());
            let expected = format!("a price in the unit of the history, where it is {usual}");
            faults.entry(row).or_insert_with(|| plan.fault(row, column, &price.to_string(), &expected));
        }
    }
    Ok(plan.set_aside(faults))
}

/// Sets aside the items that the model does not know, where too few are known to forecast them from their likes.
pub(super) fn sift_unknown(plan: &mut Table, fitted: &Fitted, reason: &DemandError) -> anyhow::Result<Vec<SetAside>> {
    let items = plan.text("unit_id")?;
    let unknown = |row: &usize| !knows(fitted, &Sku::new(items[*row].as_str()));
    let expected = "an item of the model; too few items are known to forecast a new one from items like it";
    let faults: BTreeMap<usize, SetAside> =
        (0..plan.len()).filter(unknown).map(|row| (row, plan.fault(row, "unit_id", &items[row], expected))).collect();
    if faults.len() == plan.len() {
        bail!("{}: {reason}", plan.name);
    }
    Ok(plan.set_aside(faults))
}

/// Items of a plan that the model does not know.
pub(super) fn new_items(future: &Panel, fitted: &Fitted) -> Vec<Sku> {
    future.skus().iter().map(|entry| &entry.sku).filter(|sku| !knows(fitted, sku)).cloned().collect()
}

fn knows(fitted: &Fitted, sku: &Sku) -> bool {
    fitted.items.binary_search_by(|item| item.sku.cmp(sku)).is_ok()
}
