//! Every SQL statement over stored facts, in one place, so that another engine can run them unchanged.
//!
//! Sums are over whole numbers only, so that they do not depend on the order in which rows meet; each statement that
//! returns rows in an order says so. Names are quoted where they are words of SQL.

/// Sales lines as cells of item, place and period. Prices come as sums over pieces, over lines for cells without
/// pieces; ratios in millionths.
pub(crate) fn cells(filter: &str) -> String {
    let weighted = |column: &str, name: &str| {
        format!(
            "SUM({column} * units) AS {name}_by_units, \
             SUM(CASE WHEN {column} IS NULL THEN 0 ELSE units END) AS {name}_units, \
             SUM({column}) AS {name}_by_lines, COUNT({column}) AS {name}_lines"
        )
    };
    format!(
        "SELECT sku, place, period, SUM(units) AS units, {}, {}, {}, \
         MAX(CAST(feature AS INT)) AS feature, MAX(CAST(display AS INT)) AS display, \
         MAX(stockout_share) AS stockout_share \
         FROM (SELECT sku, place, period, units, price, list_price, feature, display, stockout_share, \
               CAST(round(price_ratio * 1000000) AS BIGINT) AS ratio FROM sales{filter}) AS lines \
         GROUP BY sku, place, period",
        weighted("price", "paid"),
        weighted("list_price", "list"),
        weighted("ratio", "ratio"),
    )
}

/// Promotions of items at places that have sales.
pub(crate) fn promotions(filter: &str) -> String {
    format!(
        "SELECT promotions.sku, promotions.place, promotions.period, \
         promotions.mechanic, CAST(promotions.feature AS INT) AS feature, \
         CAST(promotions.display AS INT) AS display, promotions.depth \
         FROM promotions JOIN (SELECT DISTINCT sku, place FROM sales{filter}) AS sold \
         ON promotions.sku = sold.sku AND promotions.place = sold.place"
    )
}

/// Prices that are kept apart from sales.
pub(crate) const PRICES: &str = "SELECT sku, place, period, price, list_price FROM prices";

/// Events in the order of their names, places and periods.
pub(crate) const EVENTS: &str = "SELECT name, place, period, value FROM events ORDER BY name, place, period";

/// Prices seen at competitors, in the order of their items, competitors, places and periods.
pub(crate) const COMPETITORS: &str =
    "SELECT sku, competitor, place, period, price FROM competitors ORDER BY sku, competitor, place, period";

/// Names of the controls, in order.
pub(crate) const CONTROLS: &str = "SELECT DISTINCT name FROM events ORDER BY name";

/// Items in order.
pub(crate) const ITEMS: &str = "SELECT sku, name, \"group\", tier, category, brand, list_price, unit_cost, case_pack, \
                                minimum_order, shelf_life, supplier, style, size, CAST(core AS BIGINT) AS core FROM items ORDER BY sku";

/// Places in order.
pub(crate) const PLACES: &str = "SELECT place, name, region, format FROM places ORDER BY place";

/// The last count of each item at each place, in order.
pub(crate) const STOCK: &str = "SELECT stock.sku, stock.place, stock.period, stock.on_hand, stock.in_transit FROM stock JOIN \
     (SELECT sku, place, MAX(period) AS last FROM stock GROUP BY sku, place) AS counted \
     ON stock.sku = counted.sku AND stock.place = counted.place AND stock.period = counted.last \
     ORDER BY stock.sku, stock.place";

/// Deliveries in the order of their items, places and days.
pub(crate) const DELIVERIES: &str = "SELECT sku, place, arrives, SUM(quantity) AS quantity FROM deliveries GROUP BY sku, place, arrives \
     ORDER BY sku, place, arrives";

/// The last period with sales.
pub(crate) const LAST_SALE: &str = "SELECT MAX(period) AS last FROM sales";

/// The part of a statement that picks items by number or by category.
pub(crate) fn filter(skus: &[String], categories: &[String]) -> String {
    let list = |values: &[String]| {
        let quoted: Vec<String> = values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        quoted.join(", ")
    };
    match (skus, categories) {
        ([], []) => String::new(),
        (skus, []) => format!(" WHERE sku IN ({})", list(skus)),
        ([], categories) => {
            format!(" WHERE sku IN (SELECT sku FROM items WHERE category IN ({}))", list(categories))
        }
        (skus, categories) => format!(
            " WHERE sku IN ({}) AND sku IN (SELECT sku FROM items WHERE category IN ({}))",
            list(skus),
            list(categories)
        ),
    }
}
