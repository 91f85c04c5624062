//! How things stand for one intent: facts, forecast, what channels confirmed and what policies say, put together for the gate.
//!
//! Shares nothing with the planner but the facts. What is not known stays unknown, and the gate refuses it.

use crate::acting::Acting;
use crate::deploy::begins;
use crate::ground::Ground;
use crate::outbox::{Known, Stage};
use crate::ports::{Asked, Standings};
use crate::quarantined::Quarantined;
use crate::rollout::Rollouts;
use crate::send::field_of;
use endcap_govern::gate::{Action, Business, Intent, Shelf, Standing, Supply};
use endcap_govern::ladder::Ladder;
use endcap_govern::law::{Goods, Market, Offered, PriceHistory};
use endcap_govern::stop::Stops;
use endcap_govern::who_may::{Actor, Question, WhoMay};
use endcap_model::{
    Autonomy, Calendar, ContentHash, Currency, ForecastRow, Period, Pieces, Place, Sku, StockState, later,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Periods of history that a forecast is held against.
const USUAL_PERIODS: usize = 28;

/// The sources.
pub struct Sources<'a> {
    /// What people said once.
    pub acting: &'a Acting,
    /// Facts and forecast.
    pub ground: &'a Ground,
    /// What the law asks of items.
    pub goods: &'a BTreeMap<Sku, Goods>,
    /// Items with rows in quarantine.
    pub quarantined: &'a Quarantined,
    /// Currency of the project.
    pub currency: Currency,
    /// Policies on who may do what.
    pub who_may: &'a WhoMay,
    /// Rungs of the machine.
    pub ladder: &'a Ladder,
    /// Proposals that people have signed.
    pub signed: &'a BTreeSet<ContentHash>,
    /// Roll-outs of plans.
    pub rollouts: &'a Rollouts,
    /// How long a person may veto what the machine decides on the rung where it asks for that.
    pub veto_time: SignedDuration,
    /// Reads the stops anew.
    pub stops: &'a dyn Fn() -> Option<Stops>,
}

impl Standings for Sources<'_> {
    fn standing(&self, asked: &Asked, now: Timestamp) -> Standing {
        let intent = asked.intent;
        let approved = asked.proposal.is_some_and(|proposal| self.signed.contains(proposal));
        let actors = BTreeMap::from([(self.acting.agent.clone(), Actor::agent(&self.acting.agent))]);
        // Whether the time for a veto is over is not for policies to say: the gate waits for it.
        let question = Question::about(intent, &actors, self.ladder, approved, true);
        let veto_until = asked.decided.zip(self.veto(intent, approved)).map(|(decided, wait)| later(decided, wait));
        Standing {
            currency: Some(self.currency),
            shelf: self.shelf(asked, now),
            business: self.business(),
            supply: self.supply(intent),
            market: self.market(asked),
            guardrail: self.rollouts.guardrail(intent.action.offer(), &intent.place),
            veto_until,
            approved_by_a_person: approved,
            permit: Some(self.who_may.ask(&question).permit()),
            ..Standing::default()
        }
    }

    fn stops(&self) -> Option<Stops> {
        (self.stops)()
    }
}

impl Sources<'_> {
    /// How long a person may veto an intent before it leaves; nothing where nobody is asked.
    pub fn veto(&self, intent: &Intent, approved: bool) -> Option<SignedDuration> {
        let asks = self.ladder.autonomy(&field_of(intent)) == Autonomy::ActWithVeto;
        (asks && !approved && !intent.action.only_reverts()).then_some(self.veto_time)
    }

    fn shelf(&self, asked: &Asked, now: Timestamp) -> Shelf {
        let Intent { sku, place, .. } = asked.intent;
        let item = self.ground.items.get(sku);
        let base_price = item.map(|item| item.list_price);
        let bounds = self.acting.prices;
        let sent = asked.past.iter().filter(|(known, past)| known.tries > 0 && past != asked.intent);
        Shelf {
            base_price,
            confirmed_price: confirmed(asked.past, now).or_else(|| self.last_at_till(sku, place)),
            floor: base_price.map(|base| bounds.floor.of(base)),
            ceiling: base_price.map(|base| bounds.ceiling.of(base)),
            unit_cost: item.map(|item| item.unit_cost),
            pieces_per_day: self.pieces_per_day(sku, place),
            generation: sent.map(|(known, _)| known.message.generation).max().unwrap_or(0),
            quarantined: self.quarantined.holds(sku, place) || self.comes_from_one_that_is_held(asked.intent),
        }
    }

    /// A transfer rests on the stock of its origin as well.
    fn comes_from_one_that_is_held(&self, intent: &Intent) -> bool {
        matches!(&intent.action, Action::Transfer { origin, .. } if self.quarantined.holds(&intent.sku, origin))
    }

    fn business(&self) -> Business {
        let days = days_of(self.ground.baseline.calendar);
        let first = self.ground.baseline.rows.iter().map(|row| row.period).min();
        let of =
            |row: &ForecastRow| self.ground.items.get(&row.sku).map_or(0.0, |item| row.mean * item.list_price as f64);
        let revenue: f64 = self.ground.baseline.rows.iter().filter(|row| Some(row.period) == first).map(of).sum();
        let count = |count: usize| i64::try_from(count).ok();
        Business {
            skus: count(self.ground.items.len()),
            places: count(self.ground.facts.regions.len()),
            revenue_per_day: first.map(|_| (revenue / days) as i64),
        }
    }

    fn supply(&self, intent: &Intent) -> Supply {
        let Intent { sku, place, .. } = intent;
        let rows = self.forecast_of(sku, place);
        let forecast = &self.ground.baseline.rows[rows];
        let known = !forecast.is_empty();
        let needed: f64 = forecast.iter().map(|row| row.mean).sum();
        let stock = |place: &Place| self.ground.states.iter().find(|state| state.sku == *sku && state.place == *place);
        let under_way = |state: &StockState| state.pipeline.iter().map(|(_, Pieces(pieces))| pieces).sum::<i64>();
        let origin = match &intent.action {
            Action::Transfer { origin, .. } => stock(origin),
            _ => None,
        };
        let per_period = needed / forecast.len() as f64;
        Supply {
            cover_pieces: stock(place)
                .filter(|_| known)
                .map(|state| (needed.ceil() as i64 - state.on_hand.0 - under_way(state)).max(0)),
            forecast_change_hundredths: known.then(|| self.moved(sku, place, per_period)).flatten(),
            transferable_pieces: origin.map(|state| state.on_hand.0),
        }
    }

    /// How far the forecast lies from what was usual, in hundredths of a median absolute deviation of at least one piece.
    fn moved(&self, sku: &Sku, place: &Place, per_period: f64) -> Option<i64> {
        let columns = self.ground.facts.panel.columns();
        let rows = self.series(sku, place)?;
        let begin = rows.end.saturating_sub(USUAL_PERIODS).max(rows.start);
        let mut units: Vec<f64> = columns.units[begin..rows.end].to_vec();
        let usual = median(&mut units)?;
        let mut apart: Vec<f64> = units.iter().map(|units| (units - usual).abs()).collect();
        let spread = median(&mut apart)?.max(1.0);
        Some(((per_period - usual) / spread * 100.0) as i64)
    }

    fn market(&self, asked: &Asked) -> Option<Market> {
        let Intent { sku, place, .. } = asked.intent;
        let territory = self.acting.territory(place)?;
        let (rules, zone) = (territory.rules().ok()?, territory.zone().ok()?);
        let (panel, calendar) = (self.ground.facts.panel.columns(), self.ground.facts.panel.calendar());
        let begin = |period: Period| calendar.start_date(period).and_then(|day| begins(day, &zone));
        let (mut history, mut on_sale_since) = (PriceHistory::default(), None);
        let rows = self.series(sku, place).unwrap_or(0..0);
        for row in rows.clone() {
            let price = self.in_money(sku, panel.price[row], panel.base_price[row])?;
            on_sale_since = on_sale_since.or_else(|| begin(panel.period[row]));
            let told = [(panel.period[row], Offered::At(price)), (panel.period[row].plus(1), Offered::Unknown)];
            // The last price holds on; in a gap nobody knows, and a row that follows at once says so at the same moment.
            for (period, offered) in told.into_iter().take(if row + 1 < rows.end { 2 } else { 1 }) {
                history.confirm(begin(period)?, offered);
            }
        }
        let base = self.ground.items.get(sku).map(|item| item.list_price);
        for (_, past) in asked.past.iter().filter(|(known, _)| known.stage == Stage::Confirmed) {
            let Some(price) = past.action.price() else { continue };
            history.confirm(past.from, Offered::At(price));
            if let (Some(until), Some(base)) = (past.until, base) {
                history.confirm(until, Offered::At(base));
            }
        }
        let goods = self.goods.get(sku).copied().unwrap_or_default();
        let goods = Goods { on_sale_since: goods.on_sale_since.or(on_sale_since), ..goods };
        Some(Market { rules, zone, history, goods })
    }

    /// What the till charged last.
    fn last_at_till(&self, sku: &Sku, place: &Place) -> Option<i64> {
        let columns = self.ground.facts.panel.columns();
        let last = self.series(sku, place)?.end.checked_sub(1)?;
        self.in_money(sku, columns.price[last], columns.base_price[last])
    }

    /// A price of the panel in minor units; where sales carry no price of their own it is a share of the list price.
    fn in_money(&self, sku: &Sku, price: f64, base_price: f64) -> Option<i64> {
        let scale = if base_price == 1.0 { self.ground.items.get(sku)?.list_price as f64 } else { 1.0 };
        Some((price * scale).round() as i64)
    }

    fn pieces_per_day(&self, sku: &Sku, place: &Place) -> Option<i64> {
        let first = self.ground.baseline.rows.get(self.forecast_of(sku, place))?.first()?;
        Some((first.mean / days_of(self.ground.baseline.calendar)).ceil() as i64)
    }

    /// Rows of the forecast of an item at a place; the forecast is sorted by both.
    fn forecast_of(&self, sku: &Sku, place: &Place) -> Range<usize> {
        let rows = &self.ground.baseline.rows;
        let begin = rows.partition_point(|row| (&row.sku, &row.place) < (sku, place));
        let end = rows.partition_point(|row| (&row.sku, &row.place) <= (sku, place));
        begin..end
    }

    /// Rows of the history of an item at a place.
    fn series(&self, sku: &Sku, place: &Place) -> Option<Range<usize>> {
        let panel = &self.ground.facts.panel;
        let index = panel.skus().iter().position(|entry| entry.sku == *sku)?;
        let of_place = |rows: &Range<usize>| panel.places()[panel.columns().place[rows.start] as usize].place == *place;
        panel.series_of(index).find(of_place)
    }
}

/// The price that a channel confirmed and that holds now.
fn confirmed(past: &[(Known, Intent)], now: Timestamp) -> Option<i64> {
    let holds = |intent: &Intent| intent.from <= now && intent.until.is_none_or(|until| now < until);
    let confirmed = past.iter().filter(|(known, intent)| known.stage == Stage::Confirmed && holds(intent));
    confirmed.filter_map(|(_, intent)| intent.action.price()).next_back()
}

fn days_of(calendar: Calendar) -> f64 {
    match calendar {
        Calendar::Week => 7.0,
        Calendar::Day | Calendar::Index => 1.0,
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}
