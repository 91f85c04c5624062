//! Panels that cannot tell, or that are wrong in a few rows: each is refused by name or answered with a wide interval
//! and its reason, while the rest of the panel is estimated as ever.

use endcap_demand::{FitSettings, Fitted, events, fit};
use endcap_model::{
    Calendar, EffectStatus, Panel, PanelColumns, PanelError, Period, PlaceEntry, Response, SkuEntry, UnseenDemand,
};

const PLACES: usize = 4;
const WEEKS: i32 = 80;
/// Items of the panel: the first is spoilt by each test, the others are sound.
const ITEMS: usize = 4;

/// One row as the tests bend it.
#[derive(Clone, Copy)]
struct Row {
    item: usize,
    place: usize,
    week: i32,
    units: f64,
    price: f64,
    list: f64,
    feature: f64,
    out: f64,
}

/// A sound row of an elasticity of -2: every item is promoted every sixth week, not in every place.
fn sound(item: usize, place: usize, week: i32) -> Row {
    let promoted = (week + item as i32) % 6 == 0 && (place as i32 + week / 6) % 5 > 0;
    let price = if promoted { [0.7, 0.8, 0.9][(week / 6 % 3) as usize] } else { 1.0 };
    let wave = 1.0 + 0.1 * f64::from((week * 7 + item as i32 * 3 + place as i32 * 5) % 11 - 5) / 5.0;
    let units = (30.0 * wave * f64::powf(price, -2.0)).round();
    Row { item, place, week, units, price, list: 1.0, feature: 0.0, out: 0.0 }
}

fn rows(bend: impl Fn(Row) -> Option<Row>) -> PanelColumns {
    let mut c = PanelColumns::default();
    let cells = (0..ITEMS).flat_map(|i| (0..PLACES).flat_map(move |p| (0..WEEKS).map(move |w| (i, p, w))));
    for row in cells.filter_map(|(item, place, week)| bend(sound(item, place, week))) {
        c.sku.push(row.item as u32);
        c.place.push(row.place as u32);
        c.period.push(Period(row.week));
        c.units.push(row.units);
        c.price.push(row.price);
        c.base_price.push(row.list);
        c.feature.push(row.feature);
        c.display.push(0.0);
        c.stockout_share.push(row.out);
    }
    c
}

fn panel(columns: PanelColumns) -> Result<Panel, PanelError> {
    let sku =
        |at: usize| SkuEntry { sku: format!("item{at}").as_str().into(), group: "group".into(), tier: String::new() };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    Panel::new(Calendar::Week, (0..ITEMS).map(sku).collect(), (0..PLACES).map(place).collect(), columns)
}

/// Fits with the first item bent, checks that the others are estimated as ever, and returns what it says of the first.
fn first(bend: impl Fn(Row) -> Row) -> Response {
    first_of(|row| Some(if row.item == 0 { bend(row) } else { row }))
}

fn first_of(bend: impl Fn(Row) -> Option<Row>) -> Response {
    let panel = panel(rows(bend)).unwrap();
    let model: Fitted = fit(&panel, &FitSettings::default(), &|_, _| ()).unwrap();
    for response in &model.lift.responses[1..] {
        let own = &response.own_price;
        assert!((own.mean + 2.0).abs() < 0.3 && own.status == EffectStatus::Estimated, "{} {own:?}", response.sku);
    }
    assert!(events(&model, &panel).iter().all(|event| event.net.lo95.is_finite() && event.net.hi95.is_finite()));
    model.lift.responses[0].clone()
}

fn borrowed(response: &Response, reason: &str) {
    let own = &response.own_price;
    assert!(matches!(&own.status, EffectStatus::Borrowed(found) if found.contains(reason)), "{own:?}");
    assert!(own.hi95 - own.lo95 > 0.05, "{own:?}");
}

#[test]
fn a_constant_price_borrows() {
    borrowed(&first(|row| Row { price: 1.0, units: 30.0, ..row }), "never promoted");
}

#[test]
fn an_item_in_one_store_only_is_estimated_and_its_promotions_cannot_be_tested() {
    let one = first_of(|row| (row.item > 0 || row.place == 0).then_some(row));
    assert!(!matches!(one.own_price.status, EffectStatus::NotIdentified(_)));
    assert!(one.own_price.se > 0.0);
}

#[test]
fn three_weeks_of_an_item_borrow() {
    borrowed(&first_of(|row| (row.item > 0 || row.week >= WEEKS - 3).then_some(row)), "in only 1 period,");
}

#[test]
fn an_item_always_out_of_stock_borrows() {
    borrowed(&first(|row| Row { out: 1.0, units: 0.0, ..row }), "no period with stock");
}

#[test]
fn an_item_that_runs_out_in_every_period_borrows_and_the_stock_outs_are_named() {
    let out = first(|row| Row { out: 1.0, units: row.units.min(12.0), ..row });
    borrowed(&out, "stock ran out in 100 % of its rows");
}

#[test]
fn items_whose_prices_are_the_same_are_not_told_apart_and_the_others_are_estimated() {
    // The second item always runs the first one's promotions.
    let twin = |row: Row| if row.item == 1 { Row { price: sound(0, row.place, row.week).price, ..row } } else { row };
    let sold = |row: Row| Row { units: (30.0 * f64::powf(row.price, -2.0)).round() + f64::from(row.week % 3), ..row };
    let panel = panel(rows(|row| Some(sold(twin(row))))).unwrap();
    let model = fit(&panel, &FitSettings::default(), &|_, _| ()).unwrap();
    for response in &model.lift.responses[..2] {
        let pair = response.partners.iter().find(|p| ["item0", "item1"].contains(&p.partner.as_str()));
        assert!(pair.is_none(), "{pair:?}");
        assert!(!matches!(response.cross_price.status, EffectStatus::Estimated), "{:?}", response.cross_price);
    }
    for response in &model.lift.responses[2..] {
        let own = &response.own_price;
        assert!((own.mean + 2.0).abs() < 0.3 && own.status == EffectStatus::Estimated, "{own:?}");
    }
}

#[test]
fn three_weeks_or_one_store_of_everything_say_what_they_lack() {
    let of = |keep: &dyn Fn(&Row) -> bool| {
        let panel = panel(rows(|row| keep(&row).then_some(row))).unwrap();
        fit(&panel, &FitSettings::default(), &|_, _| ()).unwrap().lift.responses
    };
    for response in of(&|row| row.week >= WEEKS - 3) {
        let own = &response.own_price;
        assert!(!matches!(own.status, EffectStatus::Estimated) && own.hi95 - own.lo95 > 1.0, "{own:?}");
    }
    for response in of(&|row| row.place == 0) {
        assert!((response.own_price.mean + 2.0).abs() < 0.3, "{:?}", response.own_price);
        assert_eq!(response.own_price.sensitivity.unwrap().unseen, UnseenDemand::NotTestable);
    }
}

#[test]
fn an_advert_that_repeats_the_price_is_not_told_apart_from_it() {
    let twisted = first(|row| {
        let promoted = row.price < 1.0;
        Row {
            price: if promoted { 0.8 } else { 1.0 },
            feature: f64::from(u8::from(promoted)),
            units: if promoted { 47.0 } else { 30.0 },
            ..row
        }
    });
    assert!(!matches!(twisted.feature.status, EffectStatus::Estimated), "{:?}", twisted.feature);
    assert!(twisted.feature.hi95 - twisted.feature.lo95 > 0.5, "{:?}", twisted.feature);
}

#[test]
fn an_item_whose_own_data_hang_on_the_trend_is_refused() {
    // Six per cent off in the last quarter only, while demand trebles and jumps about from week to week.
    let late = first(|row| {
        let price = if row.week >= WEEKS * 3 / 4 { 0.94 } else { 1.0 };
        let jump = f64::from((row.week * 29) % 17 - 8) / 16.0;
        let grown = 1.1 * f64::from(row.week) / f64::from(WEEKS);
        Row { price, units: (30.0 * (grown + jump).exp()).round(), ..row }
    });
    let own = &late.own_price;
    let named = matches!(&own.status, EffectStatus::NotIdentified(reason) if reason.contains("without the trend"));
    assert!(named, "{own:?}");
}

#[test]
fn a_promotion_that_was_flagged_but_never_run_does_not_make_an_effect() {
    // Advertised every sixth week, but sold as ever at the full price.
    let flagged = first(|row| Row {
        feature: f64::from(u8::from(row.price < 1.0)),
        price: 1.0,
        units: 30.0 + f64::from(row.week % 3),
        ..row
    });
    borrowed(&flagged, "never promoted");
    assert!(flagged.feature.lo95 < 0.1, "{:?}", flagged.feature);
}

#[test]
fn new_and_vanished_items_are_estimated_from_what_they_have() {
    for present in [(WEEKS - 20)..WEEKS, 0..20] {
        let part = first_of(|row| (row.item > 0 || present.contains(&row.week)).then_some(row));
        assert!((part.own_price.mean + 2.0).abs() < 0.5, "{:?}", part.own_price);
    }
}

#[test]
fn negative_units_a_price_of_zero_and_doubled_rows_are_refused_by_name() {
    let spoil = |bend: fn(Row) -> Row| panel(rows(|row| Some(if row.week == 5 { bend(row) } else { row })));
    let named = |result: Result<Panel, PanelError>, name: &str| match result {
        Err(PanelError::Value { column, .. }) => assert_eq!(column, name),
        other => panic!("{name}: {other:?}"),
    };
    named(spoil(|row| Row { units: -1.0, ..row }), "units");
    named(spoil(|row| Row { price: 0.0, ..row }), "price");
    named(spoil(|row| Row { list: 0.0, ..row }), "base_price");
    let doubled = spoil(|row| Row { week: 4, ..row });
    assert!(matches!(doubled, Err(PanelError::Duplicate { .. })), "{doubled:?}");
}

#[test]
fn a_planner_whose_places_always_obey_cannot_be_cleared() {
    let always = |row: Row| {
        let price =
            if (row.week + row.item as i32) % 6 == 0 { [0.7, 0.8, 0.9][(row.week / 6 % 3) as usize] } else { 1.0 };
        Row { price, units: (30.0 * f64::powf(price, -2.0)).round() + f64::from((row.week * 5) % 3), ..row }
    };
    let response = first_of(|row| Some(always(row)));
    assert_eq!(response.own_price.sensitivity.unwrap().unseen, UnseenDemand::NotTestable);
}
