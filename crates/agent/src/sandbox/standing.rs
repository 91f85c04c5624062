//! How a game stands: what a retailer could see by now, and nothing else.

use super::person::Person;
use super::{Game, PlannedOffer, Sandbox, SandboxError};
use endcap_model::{Depth, Panel, Sku};
use endcap_twin::{Actions, Observation, Policy, World};
use serde::Serialize;
use std::collections::BTreeMap;

/// Weeks of the past that are shown.
const PAST_WEEKS: usize = 52;

/// What a person sees.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The weeks, as the calendar writes them.
    pub weeks: Vec<String>,
    /// The next week to play; the number of weeks when all have been played.
    pub now: usize,
    /// Weeks from an order to its arrival.
    pub lead_time: usize,
    /// Items on offer in a week at most.
    pub slots: usize,
    /// Weeks from one offer of an item to its next at least.
    pub spacing: usize,
    /// Depths that may be chosen.
    pub depths: Vec<Depth>,
    /// The items.
    pub items: Vec<ItemSeen>,
    /// Offers from now on, as last planned.
    pub offers: Vec<PlannedOffer>,
    /// What has come in so far.
    pub earned: Earned,
}

/// An item as a retailer sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemSeen {
    /// The item.
    pub sku: Sku,
    /// Items that substitute for it.
    pub group: String,
    /// Price without promotion, minor units.
    pub list_price: i64,
    /// Cost of a piece, minor units.
    pub unit_cost: i64,
    /// Pieces of an average week without promotion, in the coming week's season.
    pub usual: f64,
    /// Pieces in all stores.
    pub on_hand: i64,
    /// What is under way, as announced.
    pub under_way: Vec<Arrival>,
    /// What the rule would order now; nothing when the world is over.
    pub suggested: Option<Suggestion>,
    /// The weeks before the world, oldest first.
    pub past: Vec<PastWeek>,
    /// The weeks that have been played.
    pub played: Vec<Week>,
}

/// Pieces that are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// The week before which they come.
    pub week: usize,
    /// Pieces; what comes may be less.
    pub pieces: i64,
}

/// An order that the rule would place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// Pieces.
    pub pieces: i64,
    /// The week before which they should come; past the last week where that is later.
    pub arrives: usize,
}

/// A week before the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PastWeek {
    /// The week, as the calendar writes it.
    pub week: String,
    /// Pieces sold.
    pub sold: f64,
    /// Depth of its offer, as a share; 0 without.
    pub depth: f64,
    /// Share of the stores whose shelf ran empty.
    pub ran_out: f64,
}

/// A week that was played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Week {
    /// Pieces ordered before it.
    pub ordered: i64,
    /// Pieces sold.
    pub sold: i64,
    /// Depth of its offer, as a share; 0 without.
    pub depth: f64,
    /// Stores whose shelf was empty at its end.
    pub stores_out: usize,
    /// Pieces left at its end.
    pub left: i64,
    /// What was taken in, minor units.
    pub revenue: i64,
    /// Revenue less the cost of what was sold, minor units.
    pub margin: i64,
}

/// Sums over the weeks that were played, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Earned {
    /// What was taken in.
    pub revenue: i64,
    /// Revenue less the cost of what was sold, before any other cost.
    pub margin: i64,
    /// Discount on what was sold on offer.
    pub discount: i64,
    /// Pieces sold.
    pub sold: i64,
}

impl Sandbox {
    /// Lives a game through and shows how it stands.
    ///
    /// # Errors
    /// [`SandboxError`] where the scenario's terms make no world.
    pub fn standing(&self, game: &Game) -> Result<Standing, SandboxError> {
        let (spec, now) = (&self.spec, self.now(game));
        let mut world = World::new(spec, &self.scenario.response, game.world);
        let mut person = Person::new(self, &game.turns);
        let mut items = self.items(world.past().as_ref(), now);
        let mut seen = world.observe();
        for _ in 0..now {
            let actions = person.act(&seen);
            world.step(&actions)?;
            seen = world.observe();
            self.note(&mut items, &actions, &seen);
        }
        let ahead = self.ahead(game, now);
        self.lay_out(&mut items, &seen);
        if now < self.weeks() {
            let arrives = now + spec.lead_time_periods() - 1;
            let (advised, _) = person.advised(&ahead, &seen)?;
            for item in &mut items {
                let cells = spec.cells_of(&item.sku);
                let of = |order: &&endcap_twin::CellOrder| cells.contains(&order.cell);
                let pieces = advised.iter().filter(of).map(|order| order.pieces).sum();
                item.suggested = Some(Suggestion { pieces, arrives });
            }
        }
        Ok(Standing {
            weeks: (0..self.weeks()).map(|week| self.name(week)).collect(),
            now,
            lead_time: spec.lead_time_periods(),
            slots: self.scenario.offers.slots,
            spacing: self.scenario.offers.spacing,
            depths: self.scenario.offers.depths.clone(),
            earned: earned(&items),
            items,
            offers: ahead,
        })
    }

    /// What was planned last for the weeks from `now` on.
    fn ahead(&self, game: &Game, now: usize) -> Vec<PlannedOffer> {
        let last = game.turns.last().map_or(&[][..], |turn| &turn.offers);
        let mut ahead: Vec<PlannedOffer> = last.iter().filter(|offer| offer.week >= now).cloned().collect();
        ahead.sort_by(|a, b| (a.week, &a.sku).cmp(&(b.week, &b.sku)));
        ahead
    }

    /// The items with their past.
    fn items(&self, past: Option<&Panel>, now: usize) -> Vec<ItemSeen> {
        let spec = &self.spec;
        let slot = spec.slot_of(spec.span().start.plus(now.min(self.weeks() - 1) as i32));
        let mut items: BTreeMap<&Sku, ItemSeen> = BTreeMap::new();
        for cell in spec.cells() {
            let item = items.entry(&cell.sku).or_insert_with(|| ItemSeen {
                sku: cell.sku.clone(),
                group: cell.group.to_string(),
                list_price: cell.list_price,
                unit_cost: cell.unit_cost,
                usual: 0.0,
                on_hand: 0,
                under_way: Vec::new(),
                suggested: None,
                past: past.map(|past| weeks_of(past, &cell.sku)).unwrap_or_default(),
                played: Vec::new(),
            });
            item.usual += cell.mean_demand[slot];
        }
        items.into_values().collect()
    }

    /// Writes down the week that has ended.
    fn note(&self, items: &mut [ItemSeen], actions: &Actions, seen: &Observation) {
        for item in items {
            let cells = self.spec.cells_of(&item.sku);
            let of = |order: &&endcap_twin::CellOrder| cells.contains(&order.cell);
            let mut week = Week {
                ordered: actions.cell_orders.iter().filter(of).map(|order| order.pieces).sum(),
                sold: 0,
                depth: 0.0,
                stores_out: 0,
                left: 0,
                revenue: 0,
                margin: 0,
            };
            for cell in &seen.cells[cells.clone()] {
                week.sold += cell.sold.0;
                week.left += cell.on_hand.0;
                week.stores_out += usize::from(cell.stocked_out);
                week.revenue += cell.sold.0 * cell.paid;
                week.margin += cell.sold.0 * (cell.paid - item.unit_cost);
                week.depth = week.depth.max(1.0 - cell.paid as f64 / item.list_price.max(1) as f64);
            }
            item.played.push(week);
        }
    }

    /// What lies in stores and is under way.
    fn lay_out(&self, items: &mut [ItemSeen], seen: &Observation) {
        let start = self.spec.span().start;
        for item in items {
            let mut under_way: BTreeMap<usize, i64> = BTreeMap::new();
            for cell in self.spec.cells_of(&item.sku) {
                item.on_hand += seen.cells[cell].on_hand.0;
                for (period, pieces) in seen.pipeline(cell) {
                    *under_way.entry((period.0 - start.0) as usize).or_default() += pieces.0;
                }
            }
            item.under_way = under_way.into_iter().map(|(week, pieces)| Arrival { week, pieces }).collect();
        }
    }
}

/// The last weeks of an item before the world.
fn weeks_of(past: &Panel, sku: &Sku) -> Vec<PastWeek> {
    let c = past.columns();
    let Some(at) = past.skus().iter().position(|entry| entry.sku == *sku) else { return Vec::new() };
    let mut weeks: BTreeMap<i32, (f64, f64, f64, f64)> = BTreeMap::new();
    for row in past.rows_of(at) {
        let week = weeks.entry(c.period[row].0).or_default();
        week.0 += c.units[row];
        week.1 = week.1.max(1.0 - c.price[row] / c.base_price[row]);
        week.2 += f64::from(u8::from(c.stockout_share[row] > 0.0));
        week.3 += 1.0;
    }
    let skipped = weeks.len().saturating_sub(PAST_WEEKS);
    weeks
        .into_iter()
        .skip(skipped)
        .map(|(period, (sold, depth, out, stores))| PastWeek {
            week: past.calendar().format(endcap_model::Period(period)),
            sold,
            depth: depth.max(0.0),
            ran_out: out / stores,
        })
        .collect()
}

fn earned(items: &[ItemSeen]) -> Earned {
    let mut sum = Earned::default();
    for item in items {
        for week in &item.played {
            sum.revenue += week.revenue;
            sum.margin += week.margin;
            sum.sold += week.sold;
            sum.discount += week.sold * item.list_price - week.revenue;
        }
    }
    sum
}
