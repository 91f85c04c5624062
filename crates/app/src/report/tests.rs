use super::curve;
use super::sample::{HOSTILE, sample};
use super::*;
use endcap_model::Depth;
use serde_json::Value;

/// The text of the page's data block.
fn data_block(page: &str) -> &str {
    let (_, after) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
    after.split_once("</script>").unwrap().0
}

#[test]
fn the_page_is_one_file_that_connects_to_nothing() {
    let page = render(&sample().input()).unwrap();
    assert!(page.contains("default-src 'none'"));
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert!(data_block(&page).len() < 1_000_000);
    for loader in ["<link", "src=\"http", "@import", "url(http", "fetch(", "XMLHttpRequest"] {
        let own = page.replace(data_block(&page), "").replace(include_str!("echarts.min.js"), "");
        assert!(!own.contains(loader), "{loader}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(render(&sample().input()).unwrap(), render(&sample().input()).unwrap());
}

#[test]
fn a_hostile_name_stays_text() {
    let calm = {
        let mut sample = sample();
        (0..HOSTILE.len()).for_each(|index| sample.rename(index, "calm"));
        render(&sample.input()).unwrap()
    };
    let page = render(&sample().input()).unwrap();
    let count = |page: &str, text: &str| page.to_ascii_lowercase().matches(text).count();
    for mark in ["<script", "</script", "<img", "<!--", "&", "\u{2028}", "\u{2029}"] {
        assert_eq!(count(&page, mark), count(&calm, mark), "{mark}");
    }
    let data: Value = serde_json::from_str(data_block(&page)).unwrap();
    let names: Vec<_> = data["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    for name in HOSTILE {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn the_waterfall_ends_at_the_value_of_the_plan() {
    let sample = sample();
    let input = sample.input();
    let data = data::of(&input);
    let bars = data["pnl"].as_array().unwrap();
    let total = bars.last().unwrap();
    assert_eq!(total["to"].as_i64(), Some(input.plan.report.value));
    for pair in bars.windows(2).take(bars.len() - 2) {
        assert_eq!(pair[0]["to"], pair[1]["from"]);
    }
}

#[test]
fn a_lift_curve_is_the_models_own() {
    let sample = sample();
    let input = sample.input();
    let response = input.responses[0];
    let points = curve::points(response, &[Depth::from_share(0.33).unwrap(), Depth::from_share(0.5).unwrap()]);
    assert!(points.windows(2).all(|pair| pair[0].depth < pair[1].depth));
    assert!(points.iter().any(|point| point.depth.share() == 0.33));
    assert_eq!((points[0].median, points[0].lo95, points[0].hi95), (1.0, 1.0, 1.0));
    for point in &points {
        // Demand of constant elasticity: the ratio of prices to the power of the elasticity.
        let expected = point.depth.price_ratio().powf(response.own_price.mean);
        assert!((point.median / expected - 1.0).abs() < 1e-12);
        assert!(point.lo95 <= point.median && point.median <= point.hi95);
    }
    assert_eq!(points.last().unwrap().depth.share(), 0.5);
}

#[test]
fn an_offer_names_the_limits_of_its_own_place_and_days() {
    let sample = sample();
    let input = sample.input();
    let data = data::of(&input);
    let limits = data["limits"].as_array().unwrap();
    for offer in data["offers"].as_array().unwrap() {
        let place = data["places"][offer["place"].as_u64().unwrap() as usize]["place"].as_str().unwrap();
        for limit in offer["limits"].as_array().unwrap() {
            let limit = &limits[limit.as_u64().unwrap() as usize];
            let name = limit["name"].as_str().unwrap();
            assert!(name == "budget" || name.ends_with(&format!(" {place}")), "{name} for an offer at {place}");
            assert!(limit["price"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn orders_add_up_and_the_largest_come_first() {
    let sample = sample();
    let input = sample.input();
    let all: i64 = input.plan.orders.iter().map(|order| order.quantity.0).sum();
    assert_eq!(input.orders.pieces, all);
    assert_eq!(input.orders.cost, Some(all * 620));
    assert!(input.orders.shown.windows(2).all(|pair| pair[0].quantity >= pair[1].quantity));
    assert!(input.orders.pieces_now > 0 && input.orders.pieces_now < all);
    let unknown = OrderSummary::of(input.plan, input.plan.span.start, 3, |_| None);
    assert_eq!((unknown.cost, unknown.shown.len()), (None, 3));
}

#[test]
fn a_plan_without_offers_still_makes_a_page() {
    let sample = sample();
    let mut plan = sample.input().plan.clone();
    plan.offers.clear();
    plan.orders.clear();
    plan.report.offers.clear();
    plan.report.rejected.clear();
    plan.report.references.clear();
    let mut input = sample.input();
    input.plan = &plan;
    input.orders.shown.clear();
    (input.history, input.forecast, input.projection) = (&[], &[], &[]);
    input.responses.clear();
    input.stockout_by_offer.clear();
    input.twin.comparisons.clear();
    input.twin.outcomes = &[];
    (input.backtest, input.readiness, input.counts, input.credits) = (&[], &[], &[], &[]);
    assert!(render(&input).is_ok());
}

/// Writes the sample page to the file that `ENDCAP_SAMPLE_REPORT` names, for a look in a browser.
#[test]
fn the_sample_page_can_be_looked_at() {
    let page = render(&sample().input()).unwrap();
    assert!(page.starts_with("<!doctype html>"));
    if let Ok(path) = std::env::var("ENDCAP_SAMPLE_REPORT") {
        std::fs::write(path, page).unwrap();
    }
}
