//! A shop in which everything passes the gate, and intents for it.

use endcap_agent::ports::{Asked, Standings};
use endcap_govern::gate::{Action, Business, Gate, Inputs, Intent, Permit, Shelf, Standing, Supply};
use endcap_govern::law::{Goods, Market, Offered, PriceHistory, Shown, shipped_markets};
use endcap_govern::stop::{Scope, Stops};
use endcap_model::{Currency, GateLimits, Share, SnapshotId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;

const NOON: i64 = 1_750_000_000;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOON + second).unwrap()
}

/// Limits that let a few changes an hour of few items pass.
pub fn gate() -> Gate {
    let all = Share::of_basis_points(10_000);
    Gate::new(GateLimits {
        skus_per_hour_max: all,
        places_before_reading_max: all,
        revenue_per_day_max: all,
        moves_per_day_max: 100,
        reversals_per_week_max: 100,
        duplicate_hours: 0,
        ..GateLimits::cautious(Currency::EUR)
    })
    .unwrap()
}

/// How things stand in it.
pub struct Shop {
    pub base_price: i64,
    pub stops: Stops,
    /// Whether what is stopped cannot be read.
    pub unreadable: bool,
    /// Whether the stop is pressed.
    pub pressed: Cell<bool>,
}

impl Shop {
    pub fn open() -> Self {
        Self { base_price: 200, stops: Stops::default(), unreadable: false, pressed: Cell::new(false) }
    }
}

impl Standings for Shop {
    fn standing(&self, _: &Asked, _: Timestamp) -> Standing {
        let history: PriceHistory = vec![(at(-100 * 86_400), Offered::At(200))].into();
        Standing {
            currency: Some(Currency::EUR),
            shelf: Shelf {
                base_price: Some(self.base_price),
                confirmed_price: Some(200),
                floor: Some(120),
                ceiling: Some(300),
                unit_cost: Some(100),
                pieces_per_day: Some(1),
                generation: 0,
                quarantined: false,
            },
            business: Business { skus: Some(100_000), places: Some(100), revenue_per_day: Some(100_000_000) },
            supply: Supply {
                cover_pieces: Some(1_000),
                forecast_change_hundredths: Some(0),
                transferable_pieces: Some(100),
            },
            market: Some(Market {
                rules: endcap_govern::law::MarketRules { unit_price: None, ..shipped_markets()["DE"].clone() },
                zone: TimeZone::UTC,
                history,
                goods: Goods {
                    on_sale_since: Some(at(-100 * 86_400)),
                    minimum_advertised: Some(0),
                    ..Goods::default()
                },
            }),
            permit: Some(Permit::Allowed),
            ..Standing::default()
        }
    }

    fn stops(&self) -> Option<Stops> {
        let pressed = || self.stops.freeze(Scope::Global, "ada", at(0));
        (!self.unreadable).then(|| if self.pressed.get() { pressed() } else { self.stops.clone() })
    }
}

pub fn intent(sku: &str, action: Action, now: Timestamp) -> Intent {
    Intent {
        action,
        sku: sku.into(),
        category: "food".into(),
        place: "north".into(),
        channel: "till".into(),
        tenant: "shop".into(),
        agent: "planner".into(),
        currency: Currency::EUR,
        from: now,
        until: Some(now + SignedDuration::from_hours(24)),
        generation: 0,
        epoch: 0,
        limits: gate().hash().clone(),
        inputs: Inputs { snapshot: SnapshotId::from("s"), known_at: now, quarantined: false, personal_data: false },
        shown: Shown::default(),
    }
}
