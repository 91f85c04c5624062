//! Facts: what a retailer's systems report. This is the one place that says which columns each kind has.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A table of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// Master data of what is sold.
    Items,
    /// Master data of where it is sold.
    Places,
    /// Pieces sold, with the price paid and whether stock ran out.
    Sales,
    /// List and paid prices where they are kept apart from sales.
    Prices,
    /// Pieces on hand at the end of a period.
    Stock,
    /// What was promoted where and when, and with what support.
    Promotions,
    /// Pieces under way or received.
    Deliveries,
    /// Prices seen at competitors.
    Competitors,
    /// Holidays, weather and other numbers by place and period that demand may follow.
    Events,
}

/// What a column of facts may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// An item number; in other tables than `items` it must be a known one once items are loaded.
    Sku,
    /// A place; in other tables than `places` it must be a known one once places are loaded.
    Place,
    /// A period of the project's calendar.
    Period,
    /// Free text.
    Text,
    /// Whole pieces, 0 or more.
    Pieces,
    /// Money over 0, in major units of the project's currency, stored in whole minor units.
    Money,
    /// A share from 0 to 1.
    Share,
    /// Paid price over list price: over 0, at most 1.5.
    PriceRatio,
    /// 0 or 1, false or true.
    Flag,
    /// Any finite number.
    Number,
}

/// One column of a table of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FactField {
    /// Column name, in the mapping and in the stored table.
    pub name: &'static str,
    /// What it may hold.
    pub kind: FieldKind,
    /// Whether a row without it is set aside.
    pub required: bool,
    /// Whether it is part of what makes a row the only one of its kind.
    pub key: bool,
    /// What it means, for the commented configuration and the documents.
    pub meaning: &'static str,
}

const fn key(name: &'static str, kind: FieldKind, meaning: &'static str) -> FactField {
    FactField { name, kind, required: true, key: true, meaning }
}

/// A part of the key that may be absent: absent is a value of its own (everywhere, no line number).
const fn key_if_any(name: &'static str, kind: FieldKind, meaning: &'static str) -> FactField {
    FactField { name, kind, required: false, key: true, meaning }
}

const fn required(name: &'static str, kind: FieldKind, meaning: &'static str) -> FactField {
    FactField { name, kind, required: true, key: false, meaning }
}

const fn optional(name: &'static str, kind: FieldKind, meaning: &'static str) -> FactField {
    FactField { name, kind, required: false, key: false, meaning }
}

use FieldKind as Is;

const ITEMS: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    optional("name", Is::Text, "name shown to people"),
    optional("group", Is::Text, "items that substitute for each other"),
    optional("tier", Is::Text, "quality or price tier inside the category"),
    optional("category", Is::Text, "category that is managed together"),
    optional("brand", Is::Text, "brand"),
    optional("list_price", Is::Money, "list price of one piece"),
    optional("unit_cost", Is::Money, "cost of one piece"),
    optional("case_pack", Is::Pieces, "pieces in a case; orders are whole cases"),
    optional("minimum_order", Is::Pieces, "fewest pieces in an order"),
    optional("shelf_life", Is::Pieces, "periods until a piece can no longer be sold"),
    optional("supplier", Is::Text, "who delivers it"),
    optional("style", Is::Text, "style that it is a size of"),
    optional("size", Is::Text, "size within its style"),
    optional("core", Is::Flag, "whether a place must have this size to show the style"),
];

const PLACES: &[FactField] = &[
    key("place", Is::Place, "store, web shop or warehouse"),
    optional("name", Is::Text, "name shown to people"),
    optional("region", Is::Text, "places that are promoted together, such as a city"),
    optional("format", Is::Text, "store format"),
];

const SALES: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    key("place", Is::Place, "where it was sold"),
    key("period", Is::Period, "when it was sold"),
    key_if_any(
        "line",
        Is::Text,
        "what tells two lines of one item, place and period apart, such as a basket; lines are added up",
    ),
    required("units", Is::Pieces, "pieces sold"),
    optional("price", Is::Money, "price paid for one piece"),
    optional("list_price", Is::Money, "price of one piece without promotion"),
    optional("price_ratio", Is::PriceRatio, "price paid over list price, where there is no money"),
    optional("feature", Is::Flag, "in a promotion activity, circular or other advert"),
    optional("display", Is::Flag, "on a display"),
    optional("stockout_share", Is::Share, "share of the selling time without stock"),
];

const PRICES: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    key_if_any("place", Is::Place, "where it holds; everywhere when absent"),
    key("period", Is::Period, "when it holds"),
    required("price", Is::Money, "price paid for one piece"),
    optional("list_price", Is::Money, "price of one piece without promotion"),
];

const STOCK: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    key("place", Is::Place, "where it lies"),
    key("period", Is::Period, "period at whose end it was counted"),
    required("on_hand", Is::Pieces, "pieces that can be sold"),
    optional("in_transit", Is::Pieces, "pieces under way"),
];

const PROMOTIONS: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    key("place", Is::Place, "where it was promoted"),
    key("period", Is::Period, "when it was promoted"),
    optional("mechanic", Is::Text, "kind of promotion"),
    optional("depth", Is::Share, "share of the list price taken off"),
    optional("feature", Is::Flag, "in a circular or other advert"),
    optional("display", Is::Flag, "on a display"),
];

const DELIVERIES: &[FactField] = &[
    key("sku", Is::Sku, "item number"),
    key("place", Is::Place, "where it arrives"),
    key("arrives", Is::Period, "period at whose start it arrives"),
    key_if_any("supplier", Is::Text, "who delivers it"),
    optional("ordered", Is::Period, "period in which it was ordered"),
    required("quantity", Is::Pieces, "pieces"),
];

const COMPETITORS: &[FactField] = &[
    key("sku", Is::Sku, "our item that it compares to"),
    key_if_any("place", Is::Place, "where it was seen; everywhere when absent"),
    key("period", Is::Period, "when it was seen"),
    key("competitor", Is::Text, "whose price it is"),
    required("price", Is::Money, "their price for one piece"),
];

const EVENTS: &[FactField] = &[
    key_if_any("place", Is::Place, "where it holds; everywhere when absent"),
    key("period", Is::Period, "when it holds"),
    key("name", Is::Text, "name of the control, such as holiday or temperature"),
    required("value", Is::Number, "its value; 1 for an event without a size"),
];

impl FactKind {
    /// Every kind, master data first, since the others refer to it.
    pub const ALL: [Self; 9] = [
        Self::Items,
        Self::Places,
        Self::Sales,
        Self::Prices,
        Self::Stock,
        Self::Promotions,
        Self::Deliveries,
        Self::Competitors,
        Self::Events,
    ];

    /// Returns the name of the table, as in the configuration and the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Places => "places",
            Self::Sales => "sales",
            Self::Prices => "prices",
            Self::Stock => "stock",
            Self::Promotions => "promotions",
            Self::Deliveries => "deliveries",
            Self::Competitors => "competitors",
            Self::Events => "events",
        }
    }

    /// Finds a kind by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the columns of the table, in the order in which they are stored.
    pub fn fields(self) -> &'static [FactField] {
        match self {
            Self::Items => ITEMS,
            Self::Places => PLACES,
            Self::Sales => SALES,
            Self::Prices => PRICES,
            Self::Stock => STOCK,
            Self::Promotions => PROMOTIONS,
            Self::Deliveries => DELIVERIES,
            Self::Competitors => COMPETITORS,
            Self::Events => EVENTS,
        }
    }

    /// Finds a column by its name.
    pub fn field(self, name: &str) -> Option<&'static FactField> {
        self.fields().iter().find(|field| field.name == name)
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A row that was not loaded, kept with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// File that the row came from.
    pub source: String,
    /// Row in that file: 1 is the first row of data.
    pub row: u64,
    /// Column at fault, as the source names it.
    pub column: String,
    /// The value found there.
    pub value: String,
    /// Why it was set aside, and what was expected.
    pub reason: String,
    /// The kind of reason in a word or two, for programs.
    #[serde(default)]
    pub cause: String,
    /// The item that it is about, where that could be read.
    #[serde(default)]
    pub sku: Option<String>,
    /// The place that it is about, where that could be read.
    #[serde(default)]
    pub place: Option<String>,
    /// The period that it is about, where that could be read.
    #[serde(default)]
    pub period: Option<String>,
    /// Its line, where it has one.
    #[serde(default)]
    pub line: Option<String>,
}

impl SetAside {
    /// A row that could not be read; what it is about is not known.
    pub fn unreadable(source: &str, row: u64, column: &str, value: String, reason: impl ToString) -> Self {
        let (source, column, reason) = (source.to_owned(), column.to_owned(), reason.to_string());
        let cause = "unreadable".to_owned();
        Self { source, row, column, value, reason, cause, sku: None, place: None, period: None, line: None }
    }

    /// What answers to it are kept under: what it says, whatever file it came in.
    pub fn key(&self, kind: FactKind) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let [sku, place, period, line] = [&self.sku, &self.place, &self.period, &self.line].map(part);
        format!("{kind}|{sku}|{place}|{period}|{line}|{}", self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_key_and_no_column_twice() {
        for kind in FactKind::ALL {
            assert_eq!(FactKind::from_name(kind.name()), Some(kind));
            assert!(kind.fields().iter().any(|field| field.key && field.required));
            let mut names: Vec<_> = kind.fields().iter().map(|field| field.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), kind.fields().len());
        }
    }
}
