//! Intents that the gate let through: channels take nothing else.

use endcap_govern::Approved;
use endcap_govern::gate::{Action, Business, Gate, Inputs, Intent, Permit, Shelf, Standing, Supply, Traffic};
use endcap_govern::law::{Content, Goods, Market, Measure, Offered, Shown, shipped_markets, unit_price};
use endcap_govern::stop::Stops;
use endcap_model::{Currency, GateLimits, SnapshotId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// The base price of everything, in cents.
pub const BASE_PRICE: i64 = 200;

/// One moment for all intents of a run, so that the same intent is the same.
pub fn now() -> Timestamp {
    static NOW: LazyLock<Timestamp> = LazyLock::new(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap());
    *NOW
}

fn gate() -> Gate {
    Gate::new(GateLimits::cautious(Currency::EUR)).unwrap()
}

/// An item of 500 g in Germany that cost 2.00 for a hundred days; everything else is harmless.
fn standing(generation: u64) -> Standing {
    let stops = Stops::default();
    let long_ago = now() - SignedDuration::from_hours(2400);
    let goods = Goods {
        perishable: false,
        on_sale_since: Some(long_ago),
        content: Some(Content { amount: 500, measure: Measure::Gram }),
        minimum_advertised: Some(0),
    };
    Standing {
        now: now(),
        lease: Some(stops.lease(now(), SignedDuration::from_secs(5))),
        stops: Some(stops),
        currency: Some(Currency::EUR),
        shelf: Shelf {
            base_price: Some(BASE_PRICE),
            confirmed_price: Some(BASE_PRICE),
            floor: Some(120),
            ceiling: Some(300),
            unit_cost: Some(100),
            pieces_per_day: Some(10),
            generation: generation - 1,
            quarantined: false,
        },
        business: Business { skus: Some(10_000), places: Some(1_000), revenue_per_day: Some(100_000_000) },
        supply: Supply {
            cover_pieces: Some(100),
            forecast_change_hundredths: Some(0),
            transferable_pieces: Some(1_000),
        },
        market: Some(Market {
            rules: shipped_markets()["DE"].clone(),
            zone: TimeZone::UTC,
            history: vec![(long_ago, Offered::At(BASE_PRICE))].into(),
            goods,
        }),
        guardrail: endcap_govern::gate::Guardrail::Unread,
        veto_until: None,
        approved_by_a_person: false,
        permit: Some(Permit::Allowed),
    }
}

/// What passes: an action on an item, with its generation.
pub fn intent(channel: &str, place: &str, sku: &str, action: Action, generation: u64) -> Intent {
    let market = standing(generation).market.unwrap();
    let rule = market.rules.unit_price.as_ref().unwrap();
    let unit_price_tenths = action.price().and_then(|price| unit_price(price, market.goods.content.unwrap(), rule));
    let lasts = matches!(action, Action::StartOffer { .. } | Action::ChangeOffer { .. });
    Intent {
        action,
        sku: sku.into(),
        category: "dairy".into(),
        place: place.into(),
        channel: channel.into(),
        tenant: "shop".into(),
        agent: "pricing".into(),
        currency: Currency::EUR,
        from: now(),
        until: lasts.then(|| now() + SignedDuration::from_hours(24)),
        generation,
        epoch: 0,
        limits: gate().hash().clone(),
        inputs: Inputs {
            snapshot: SnapshotId::from("s"),
            known_at: now() - SignedDuration::from_hours(1),
            quarantined: false,
            personal_data: false,
        },
        shown: Shown { unit_price_tenths, ..Shown::default() },
    }
}

/// Lets an intent through the gate.
pub fn approved(intent: &Intent) -> Approved<Intent> {
    let mut standing = standing(intent.generation);
    if let Action::Order { unit_cost, .. } = intent.action {
        standing.shelf.unit_cost = Some(unit_cost);
    }
    match gate().admit(intent, &standing, &mut Traffic::default()) {
        Ok((approved, _)) => approved,
        Err(breaches) => panic!("the gate refuses {}: {breaches:?}", intent.describe()),
    }
}
