//! Panels that several tests share.

use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, SkuEntry};

/// One item at one place over so many numbered weeks: about 20 pieces, 20 % off every fifth week at an elasticity of -2.
pub(crate) fn weekly(sku: &str, weeks: usize) -> Panel {
    let off = |at: usize| at % 5 == 3;
    let units = |at: usize| (19.0 + (at * 7 % 3) as f64) * if off(at) { 0.8_f64.powi(-2) } else { 1.0 };
    let columns = PanelColumns {
        sku: vec![0; weeks],
        place: vec![0; weeks],
        period: (0..weeks as i32).map(Period).collect(),
        units: (0..weeks).map(|at| units(at).round()).collect(),
        price: (0..weeks).map(|at| if off(at) { 1.6 } else { 2.0 }).collect(),
        base_price: vec![2.0; weeks],
        feature: vec![0.0; weeks],
        display: vec![0.0; weeks],
        stockout_share: vec![0.0; weeks],
        controls: vec![],
    };
    let entry = SkuEntry { sku: sku.into(), group: "g".into(), tier: String::new() };
    let place = PlaceEntry { place: "x".into(), region: String::new() };
    Panel::new(Calendar::Index, vec![entry], vec![place], columns).expect("Invariant: the panel is whole")
}
