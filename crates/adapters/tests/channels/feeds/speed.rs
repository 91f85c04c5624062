//! How fast what lies in a broker comes into `records.db`.

use super::kafka::Broker;
use super::nats::Bus;
use super::{Shop, now, pieces, sale};
use async_nats::jetstream::stream::RetentionPolicy;
use std::time::{Duration, Instant};

/// Sales to catch up with: few, or as many as `ENDCAP_CATCH_UP` says.
fn many() -> usize {
    std::env::var("ENDCAP_CATCH_UP").ok().map_or(5_000, |text| text.parse().expect("ENDCAP_CATCH_UP is a number"))
}

/// Takes all there is; returns the seconds that it took.
fn caught_up(name: &str, feed: &str, sales: usize) {
    let mut shop = Shop::new(feed);
    let mut pump = shop.pump();
    let begun = Instant::now();
    let mut taken = 0;
    while taken < sales {
        taken += pump.turn(Duration::from_secs(1), None, &now).unwrap().new;
        assert!(begun.elapsed() < Duration::from_secs(600), "{name}: only {taken} of {sales}");
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(shop.totals(), (i64::try_from(sales).unwrap(), pieces(sales)));
    println!(
        "measured: L1 | {name} | {sales} events, one a message, from the broker into records.db in {seconds:.1} s: {:.0} a second",
        sales as f64 / seconds
    );
}

#[test]
fn a_stream_that_waited_is_caught_up_with() {
    let Some(bus) = Bus::new(false) else { return };
    bus.stream(RetentionPolicy::Limits);
    let sales = many();
    for from in (0..sales).step_by(50_000) {
        bus.publish((from..sales.min(from + 50_000)).map(sale));
    }
    caught_up("NATS JetStream", &bus.feed(), sales);
}

#[test]
fn a_topic_that_waited_is_caught_up_with() {
    let Some(broker) = Broker::new() else { return };
    let sales = many();
    for from in (0..sales).step_by(20_000) {
        broker.publish((from..sales.min(from + 20_000)).map(sale));
    }
    caught_up("Kafka protocol (noida-db)", &broker.feed(), sales);
}
