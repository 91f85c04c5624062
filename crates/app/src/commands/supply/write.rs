//! Writes what was planned: orders, projection, transfers, levels, sizes.

use super::PeriodForm;
use crate::columns;
use anyhow::Context;
use endcap_adapters::AdapterError;
use endcap_adapters::tables::{Column, write_csv, write_parquet};
use endcap_model::{Sku, SupplyOrder};
use endcap_supply::{OrderAdvice, SizeMove, StyleAtPlace, StyleHealth, SupplyAnswer};
use std::path::{Path, PathBuf};

/// Writes all files into a folder.
pub fn write(out: &Path, answered: &SupplyAnswer, form: PeriodForm) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make the folder {}", out.display()))?;
    let plan = &answered.plan;
    let orders: Vec<&SupplyOrder> = plan.orders_of(answered.now).collect();
    let text = |of: &dyn Fn(&SupplyOrder) -> String| Column::Text(orders.iter().map(|order| of(order)).collect());
    let files = ["orders.csv", "projection.parquet", "transfers.csv", "levels.csv"].map(|name| out.join(name));
    let supplier = |order: &SupplyOrder| order.supplier.as_ref().map(ToString::to_string).unwrap_or_default();
    write_csv(
        &files[0],
        &[
            ("place_id", text(&|order| order.place.to_string())),
            ("unit_id", text(&|order| order.sku.to_string())),
            ("supplier_id", text(&supplier)),
            ("order_period", form.column(orders.iter().map(|order| order.order_period))),
            ("arrives", form.column(orders.iter().map(|order| order.arrives))),
            ("quantity", Column::Whole(orders.iter().map(|order| order.quantity.0).collect())),
        ],
    )?;
    let mut projection = columns::projection(&plan.projection);
    for (_, column) in projection.iter_mut().filter(|(name, _)| *name == "period") {
        *column = form.column(plan.projection.rows.iter().map(|row| row.period));
    }
    write_parquet(&files[1], &projection)?;
    let moves = &plan.transfers;
    write_csv(
        &files[2],
        &[
            ("unit_id", Column::Text(moves.iter().map(|one| one.sku.to_string()).collect())),
            ("from_place_id", Column::Text(moves.iter().map(|one| one.from.to_string()).collect())),
            ("to_place_id", Column::Text(moves.iter().map(|one| one.to.to_string()).collect())),
            ("period", form.column(moves.iter().map(|one| one.period))),
            ("quantity", Column::Whole(moves.iter().map(|one| one.quantity.0).collect())),
        ],
    )?;
    write_levels(&files[3], &plan.advice)?;
    let mut files = Vec::from(files);
    if !answered.styles.is_empty() {
        files.extend(write_sizes(out, &answered.styles)?);
    }
    Ok(files)
}

/// Writes how whole the runs of every style are in every place, and the moves that would mend them.
fn write_sizes(out: &Path, styles: &[StyleHealth]) -> Result<[PathBuf; 2], AdapterError> {
    let files = ["sizes.csv", "size_moves.csv"].map(|name| out.join(name));
    let rows: Vec<(&StyleHealth, &StyleAtPlace)> =
        styles.iter().flat_map(|style| style.places.iter().map(move |at| (style, at))).collect();
    let text = |of: &dyn Fn(&StyleHealth, &StyleAtPlace) -> String| {
        Column::Text(rows.iter().map(|(style, at)| of(style, at)).collect())
    };
    let number = |of: &dyn Fn(&StyleHealth, &StyleAtPlace) -> f64| {
        Column::Number(rows.iter().map(|(style, at)| of(style, at)).collect())
    };
    let whole = |of: fn(&StyleAtPlace) -> i64| Column::Whole(rows.iter().map(|(_, at)| of(at)).collect());
    write_csv(
        &files[0],
        &[
            ("style_id", text(&|style, _| style.style.clone())),
            ("place_id", text(&|_, at| at.place.to_string())),
            ("pieces", whole(|at| at.pieces)),
            ("coverage", number(&|_, at| at.covered)),
            ("core_missing", whole(|at| i64::from(at.broken))),
            ("style_coverage", number(&|style, _| style.covered)),
            ("style_fragmentation", number(&|style, _| style.fragmentation)),
            ("sold", number(&|_, at| at.sold)),
            ("expected", number(&|_, at| at.expected)),
            ("cause", text(&|_, at| at.cause.to_string())),
            ("markdown_blocked", whole(|at| i64::from(at.cause.blocks_markdown()))),
        ],
    )?;
    let moves: Vec<_> = styles.iter().flat_map(|style| style.moves.iter().map(move |moved| (style, moved))).collect();
    let name = |of: &dyn Fn(&StyleHealth, &(Sku, SizeMove)) -> String| {
        Column::Text(moves.iter().map(|(style, moved)| of(style, moved)).collect())
    };
    write_csv(
        &files[1],
        &[
            ("style_id", name(&|style, _| style.style.clone())),
            ("unit_id", name(&|_, (sku, _)| sku.to_string())),
            ("from_place_id", name(&|_, (_, moved)| moved.from.to_string())),
            ("to_place_id", name(&|_, (_, moved)| moved.to.to_string())),
            ("quantity", Column::Whole(moves.iter().map(|(_, (_, moved))| moved.pieces).collect())),
        ],
    )?;
    Ok(files)
}

/// Writes what each cell has and asks for, the order that saves most first.
fn write_levels(file: &Path, advice: &[OrderAdvice]) -> Result<(), AdapterError> {
    let mut rows: Vec<&OrderAdvice> = advice.iter().collect();
    rows.sort_by(|a, b| b.saves.total_cmp(&a.saves).then_with(|| (&a.sku, &a.place).cmp(&(&b.sku, &b.place))));
    let number = |of: fn(&OrderAdvice) -> f64| Column::Number(rows.iter().map(|row| of(row)).collect());
    write_csv(
        file,
        &[
            ("place_id", Column::Text(rows.iter().map(|row| row.place.to_string()).collect())),
            ("unit_id", Column::Text(rows.iter().map(|row| row.sku.to_string()).collect())),
            ("position", number(|row| row.position)),
            ("safety_stock", number(|row| row.safety_stock)),
            ("reorder_point", number(|row| row.reorder_point)),
            ("order_up_to", number(|row| row.order_up_to)),
            ("wished", Column::Whole(rows.iter().map(|row| row.wished.0).collect())),
            ("quantity", Column::Whole(rows.iter().map(|row| row.quantity.0).collect())),
            ("saves", number(|row| row.saves)),
        ],
    )
}
