//! Deploy: an approved plan becomes one intent for each thing that a channel has to change.
//!
//! Validity is half-open in the place's local time: an offer begins and ends at the first moment of a day there, on the days
//! on which clocks are changed too.

use crate::acting::{Acting, Territory};
use crate::ground::Ground;
use endcap_govern::Approved;
use endcap_govern::gate::{Action, Inputs, Intent};
use endcap_govern::law::{Goods, Shown, unit_price};
use endcap_model::{Channel, ContentHash, Offer, Period, Place, Plan, Sku, SupplyOrder, Transfer};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What intents are made with beside the plan.
pub struct Terms<'a> {
    /// What people said once.
    pub acting: &'a Acting,
    /// What the plan was made from.
    pub ground: &'a Ground,
    /// What the law asks of items.
    pub goods: &'a BTreeMap<Sku, Goods>,
    /// Limits in force.
    pub limits: &'a ContentHash,
    /// Epoch of the stop.
    pub epoch: u64,
    /// The present time.
    pub now: Timestamp,
}

/// Something of a plan that cannot become an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why, and what to do.
    pub reason: String,
}

/// The name of a plan's offer by its number from 0.
pub fn offer_name(plan: &Plan, number: usize) -> String {
    format!("{}-{}", plan.id, number + 1)
}

/// Makes the intents of a plan, in its order; what is over already or cannot be told is left out with the reason.
pub fn deploy(plan: &Approved<Plan>, terms: &Terms) -> (Vec<Intent>, Vec<LeftOut>) {
    let plan = plan.get();
    let (mut intents, mut left_out) = (vec![], vec![]);
    let mut take = |made: Result<Intent, LeftOut>| match made {
        Ok(intent) => intents.push(intent),
        Err(left) => left_out.push(left),
    };
    for (number, offer) in plan.offers.iter().enumerate() {
        let name = offer_name(plan, number);
        for place in terms.stores_of(&offer.place) {
            for channel in &terms.acting.prices_to {
                take(terms.offer(plan, offer, &name, place, channel));
            }
        }
    }
    if !terms.acting.orders_to.is_empty() {
        plan.orders.iter().for_each(|order| take(terms.order(plan, order)));
    }
    if let Some(channel) = &terms.acting.transfers_to {
        plan.transfers.iter().for_each(|transfer| take(terms.transfer(plan, transfer, channel)));
    }
    (intents, left_out)
}

impl Terms<'_> {
    /// Stores that run what is offered at a place.
    fn stores_of<'p>(&'p self, place: &'p Place) -> Vec<&'p Place> {
        let stores: Vec<&Place> =
            self.ground.facts.regions.iter().filter(|(_, region)| *region == place).map(|(store, _)| store).collect();
        if stores.is_empty() { vec![place] } else { stores }
    }

    fn offer(
        &self,
        plan: &Plan,
        offer: &Offer,
        name: &str,
        place: &Place,
        channel: &Channel,
    ) -> Result<Intent, LeftOut> {
        let what = || format!("offer of {} at {place} in {channel}", offer.sku);
        let list_price = self.ground.items.get(&offer.sku).map(|item| item.list_price);
        let list_price = list_price.ok_or_else(|| left(what(), "the item has no list price: state one"))?;
        let price = (list_price as f64 * offer.depth.price_ratio()).round() as i64;
        let territory = self.territory(place, &what)?;
        let zone = territory.zone().map_err(|error| left(what(), error))?;
        let (from, until) = (self.begin(plan, offer.span.start, &zone), self.begin(plan, offer.span.end, &zone));
        let (Some(from), Some(until)) = (from, until) else { return Err(left(what(), "its days lie out of time")) };
        if until <= self.now {
            return Err(left(what(), "it is over"));
        }
        let rules = territory.rules().map_err(|error| left(what(), error))?;
        let content = self.goods.get(&offer.sku).and_then(|goods| goods.content);
        let unit_price_tenths =
            rules.unit_price.as_ref().zip(content).and_then(|(rule, content)| unit_price(price, content, rule));
        let shown = Shown { unit_price_tenths, advertised: offer.support.feature, ..Shown::default() };
        let action = Action::StartOffer { offer: name.to_owned(), price };
        Ok(Intent { shown, until: Some(until), ..self.intent(plan, action, &offer.sku, place, channel, from) })
    }

    fn order(&self, plan: &Plan, order: &SupplyOrder) -> Result<Intent, LeftOut> {
        let what = || format!("order of {} for {}", order.sku, order.place);
        let supplier = order.supplier.clone().ok_or_else(|| left(what(), "the item names no supplier: state one"))?;
        let nowhere = || left(what(), format!("orders_to of acting.toml names no channel for supplier {supplier}"));
        let channel = self.acting.orders_to(&supplier).ok_or_else(nowhere)?;
        let cost = self.ground.items.get(&order.sku).map(|item| item.unit_cost);
        let unit_cost = cost.ok_or_else(|| left(what(), "the item has no unit cost: state one"))?;
        let action = Action::Order { supplier: supplier.clone(), pieces: order.quantity.0, unit_cost };
        self.supplied(plan, action, &order.sku, &order.place, (channel, order.order_period), &what)
    }

    fn transfer(&self, plan: &Plan, transfer: &Transfer, channel: &Channel) -> Result<Intent, LeftOut> {
        let what = || format!("transfer of {} from {} to {} in {channel}", transfer.sku, transfer.from, transfer.to);
        let action = Action::Transfer { origin: transfer.from.clone(), pieces: transfer.quantity.0 };
        self.supplied(plan, action, &transfer.sku, &transfer.to, (channel, transfer.period), &what)
    }

    /// An order or a transfer is sent on the day at whose end it is to be placed; only the first ones are, later plans place
    /// the others.
    fn supplied(
        &self,
        plan: &Plan,
        action: Action,
        sku: &Sku,
        place: &Place,
        (channel, period): (&Channel, Period),
        what: &dyn Fn() -> String,
    ) -> Result<Intent, LeftOut> {
        if period > plan.span.start {
            return Err(left(what(), "it is not to be placed yet: the plan of that day places it"));
        }
        let zone = self.territory(place, what)?.zone().map_err(|error| left(what(), error))?;
        let from = self.begin(plan, period, &zone).ok_or_else(|| left(what(), "its day lies out of time"))?;
        Ok(self.intent(plan, action, sku, place, channel, from))
    }

    fn intent(
        &self,
        plan: &Plan,
        action: Action,
        sku: &Sku,
        place: &Place,
        channel: &Channel,
        from: Timestamp,
    ) -> Intent {
        let category = self.ground.facts.items.get(sku).and_then(|item| item.category.clone());
        Intent {
            action,
            sku: sku.clone(),
            category: category.unwrap_or_else(|| "uncategorised".to_owned()),
            place: place.clone(),
            channel: channel.clone(),
            tenant: self.acting.tenant.clone(),
            agent: self.acting.agent.clone(),
            currency: plan.currency,
            from,
            until: None,
            generation: 0,
            epoch: self.epoch,
            limits: self.limits.clone(),
            inputs: Inputs {
                snapshot: plan.snapshot.clone(),
                known_at: plan.as_of.0,
                quarantined: false,
                personal_data: false,
            },
            shown: Shown::default(),
        }
    }

    /// When a plan begins at a place; nothing where no market names it.
    pub fn begins_at(&self, plan: &Plan, place: &Place) -> Option<Timestamp> {
        let zone = self.territory(place, &String::new).ok()?.zone().ok()?;
        self.begin(plan, plan.span.start, &zone)
    }

    fn territory(&self, place: &Place, what: &dyn Fn() -> String) -> Result<&Territory, LeftOut> {
        let none = || left(what(), "no market of acting.toml names the place: add it");
        self.acting.territory(place).ok_or_else(none)
    }

    /// The first moment of a period at a place.
    fn begin(&self, plan: &Plan, period: Period, zone: &TimeZone) -> Option<Timestamp> {
        begins(plan.calendar.start_date(period)?, zone)
    }
}

/// The first moment of a day, which is not midnight where clocks go forward then.
pub fn begins(day: jiff::civil::Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).and_then(|noon| noon.start_of_day()).ok().map(|start| start.timestamp())
}

fn left(what: String, reason: impl ToString) -> LeftOut {
    LeftOut { what, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_begins_at_its_first_moment_whatever_clocks_do() {
        for (zone, day, begin) in [
            ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00Z"),
            ("Europe/Berlin", date(2026, 3, 30), "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", date(2026, 10, 26), "2026-10-25T23:00:00Z"),
            ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00Z"),
            ("Africa/Cairo", date(2024, 4, 26), "2024-04-25T22:00:00Z"),
            ("Asia/Kolkata", date(2028, 2, 29), "2028-02-28T18:30:00Z"),
            ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00Z"),
            ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00:00Z"),
        ] {
            let found = begins(day, &TimeZone::get(zone).unwrap()).unwrap();
            assert_eq!(found.to_string(), begin, "{day} in {zone}");
        }
    }
}
