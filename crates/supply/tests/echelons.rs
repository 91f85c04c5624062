//! A warehouse and the shops that it feeds.

use endcap_model::{Calendar, Forecast, ForecastRow, Period, Pieces, Place, Sku, StockState};
use endcap_supply::{CellTerms, Feed, SupplyPlan, SupplySettings, Truck, supply};

const PERIODS: i32 = 20;

fn terms(place: &str, feed: Option<Feed>) -> CellTerms {
    CellTerms {
        sku: "shoe".into(),
        place: place.into(),
        case_pack: 1,
        minimum_order: 0,
        shelf_life: None,
        maximum_stock: None,
        volume: 1.0,
        supplier: feed.is_none().then(|| "maker".into()),
        feed,
        unit_margin: 300.0,
        unit_cost: 700.0,
        holding_cost: 10.0,
        shortage_cost: 0.0,
        waste_cost: 0.0,
    }
}

/// Shops with ten pieces of demand a period each; the depot has none of its own.
fn planned(depot: i64, shops: &[i64], settings: &SupplySettings) -> SupplyPlan {
    let mut forecast = Forecast { calendar: Calendar::Week, levels: vec![], rows: vec![] };
    let (mut states, mut all_terms) = (Vec::new(), Vec::new());
    let mut add = |place: &str, mean: f64, on_hand: i64, feed: Option<Feed>| {
        let (sku, at): (Sku, Place) = ("shoe".into(), place.into());
        forecast.rows.extend((0..PERIODS).map(|period| ForecastRow {
            sku: sku.clone(),
            place: at.clone(),
            period: Period(period),
            mean,
            baseline: mean,
            dispersion: 2.0,
            quantiles: vec![],
        }));
        states.push(StockState { sku, place: at, on_hand: Pieces(on_hand), pipeline: vec![] });
        all_terms.push(terms(place, feed));
    };
    add("depot", 0.0, depot, None);
    for (shop, &on_hand) in shops.iter().enumerate() {
        add(&format!("shop {shop}"), 10.0, on_hand, Some(Feed { source: "depot".into(), lead_time_periods: 1 }));
    }
    supply(&forecast, &states, &all_terms, settings, &|_, _| ()).unwrap()
}

fn settings() -> SupplySettings {
    SupplySettings { lead_time_periods: 3, seed: 3, ..SupplySettings::default() }
}

#[test]
fn the_depot_orders_for_its_shops_and_they_order_from_it() {
    let plan = planned(200, &[4, 4, 4, 4], &settings());
    assert!(plan.orders.iter().all(|order| order.place == "depot".into()), "{:?}", plan.orders);
    let moved: i64 = plan.transfers.iter().map(|moved| moved.quantity.0).sum();
    assert!(plan.transfers.iter().all(|moved| moved.from == "depot".into()) && moved > 20, "{:?}", plan.transfers);
    let shops = plan.projection.rows.iter().filter(|row| row.place != "depot".into() && row.period.0 > 0);
    let (sales, lost) = shops.fold((0.0, 0.0), |(sales, lost), row| (sales + row.sales, lost + row.lost));
    assert!(sales / (sales + lost) > 0.97, "{sales} {lost}");
}

#[test]
fn the_whole_needs_less_safety_stock_than_its_parts() {
    let safety = |shops: usize| {
        let plan = planned(0, &vec![4; shops], &settings());
        plan.advice.iter().find(|advice| advice.place == "depot".into()).unwrap().safety_stock
    };
    let (one, nine) = (safety(1), safety(9));
    // Variances add: nine shops need three times the safety stock of one, not nine times.
    assert!(one > 5.0 && (nine / one - 3.0).abs() < 0.5, "{one} {nine}");
}

#[test]
fn a_short_depot_limits_its_shops_and_shares_fairly() {
    let plan = planned(16, &[0, 0, 8, 0], &settings());
    let shops: Vec<_> = plan.advice.iter().filter(|advice| advice.place != "depot".into()).collect();
    assert!(shops.iter().all(|advice| advice.quantity < advice.wished), "{shops:?}");
    assert_eq!(shops.iter().map(|advice| advice.quantity.0).sum::<i64>(), 16, "all that is there is shipped");
    let after: Vec<i64> = shops.iter().map(|advice| advice.position as i64 + advice.quantity.0).collect();
    assert!(after.iter().max().unwrap() - after.iter().min().unwrap() <= 3, "alike after the share: {after:?}");
    assert!(plan.limit_prices.warehouse > 0.0);
}

#[test]
fn nothing_leaves_the_depot_that_is_not_there() {
    for depot in [0, 7, 60] {
        let plan = planned(depot, &[3, 9, 0], &settings());
        assert!(plan.transfers.iter().map(|moved| moved.quantity.0).sum::<i64>() <= depot);
        let sold: f64 = plan.projection.rows.iter().map(|row| row.sales).sum();
        let ordered: f64 =
            plan.projection.rows.iter().filter(|row| row.place == "depot".into()).map(|row| row.arrivals).sum();
        assert!(sold <= ordered + (depot + 12) as f64 + 1e-9, "{sold} {ordered}");
        assert!(plan.projection.rows.iter().all(|row| row.stock_q05 >= 0.0));
    }
}

#[test]
fn more_in_the_depot_never_serves_worse() {
    let lost = |depot| planned(depot, &[0, 0, 0], &settings()).projection.rows.iter().map(|row| row.lost).sum::<f64>();
    let lost: Vec<f64> = [0, 20, 60, 150].map(lost).to_vec();
    assert!(lost.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9), "{lost:?}");
}

#[test]
fn the_trucks_of_the_maker_bring_whole_loads_to_the_depot() {
    let truck = Truck { size: 100.0, cost: 5_000.0, only_full: true };
    let settings = SupplySettings { trucks: [("maker".into(), truck)].into(), ..settings() };
    let plan = planned(0, &[4, 4, 4], &settings);
    assert!(
        !plan.orders.is_empty() && plan.orders.iter().all(|order| order.quantity.0 % 100 == 0),
        "{:?}",
        plan.orders
    );
}
