//! Names of items and places and sentences for causes, listed once so that the page refers to them by index.

use super::input::ReportInput;
use super::reasons;
use endcap_model::{Because, Place, Sku};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Names of items and places and sentences for causes, each written once and referred to by its index.
pub(super) struct Names<'a> {
    input: &'a ReportInput<'a>,
    items: Vec<&'a Sku>,
    places: Vec<&'a Place>,
    /// Sentences for causes.
    pub sentences: Vec<String>,
}

impl<'a> Names<'a> {
    /// Collects everything that the page names.
    pub fn of(input: &'a ReportInput<'a>) -> Self {
        let report = &input.plan.report;
        let mut items = BTreeSet::new();
        let mut places = BTreeSet::new();
        let mut add = |sku: &'a Sku, place: &'a Place| {
            items.insert(sku);
            places.insert(place);
        };
        report.offers.iter().for_each(|why| add(&why.offer.sku, &why.offer.place));
        report.rejected.iter().for_each(|rejected| add(&rejected.sku, &rejected.place));
        input.history.iter().for_each(|row| add(&row.sku, &row.place));
        input.forecast.iter().for_each(|row| add(&row.sku, &row.place));
        input.projection.iter().for_each(|row| add(&row.sku, &row.place));
        input.orders.shown.iter().for_each(|order| add(&order.sku, &order.place));
        items.extend(input.responses.iter().map(|response| &response.sku));
        let causes = report.offers.iter().map(|why| &why.because).chain(report.rejected.iter().map(|not| &not.because));
        let sentences: BTreeSet<_> = causes.map(|because| reasons::sentence(because, input.plan.calendar)).collect();
        Self {
            input,
            items: items.into_iter().collect(),
            places: places.into_iter().collect(),
            sentences: sentences.into_iter().collect(),
        }
    }

    /// Finds the sentence for a cause.
    pub fn sentence(&self, because: &Because) -> usize {
        let sentence = reasons::sentence(because, self.input.plan.calendar);
        self.sentences.binary_search(&sentence).expect("Invariant: every cause shown is listed")
    }

    /// Finds an item.
    pub fn item(&self, sku: &Sku) -> usize {
        self.items.binary_search(&sku).expect("Invariant: every item shown is listed")
    }

    /// Finds a place.
    pub fn place(&self, place: &Place) -> usize {
        self.places.binary_search(&place).expect("Invariant: every place shown is listed")
    }

    /// Writes the items and the places with their labels.
    pub fn listed(&self) -> (Vec<Value>, Vec<Value>) {
        let item = |sku: &&Sku| match self.input.items.get(*sku) {
            Some(label) => json!({"sku": sku, "name": label.name, "category": label.category}),
            None => json!({"sku": sku, "name": sku, "category": ""}),
        };
        let place = |place: &&Place| match self.input.places.get(*place) {
            Some(name) => json!({"place": place, "name": name}),
            None => json!({"place": place, "name": place}),
        };
        (self.items.iter().map(item).collect(), self.places.iter().map(place).collect())
    }
}
