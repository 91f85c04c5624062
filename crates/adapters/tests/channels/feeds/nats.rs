//! A stream of NATS JetStream on the real server.

use super::super::programs::{Program, free_address, installed};
use super::{Shop, drained, now, pieces, sale};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use std::fs;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A server with a stream of sales.
pub struct Bus {
    home: TempDir,
    pub program: Program,
    pub runtime: Runtime,
}

impl Bus {
    /// Starts it; `sync` has it write every message to disk before it acknowledges.
    pub fn new(sync: bool) -> Option<Self> {
        let (home, address) = (tempfile::tempdir().unwrap(), free_address());
        let store = home.path().join("js").display().to_string();
        let sync = if sync { ", sync_interval: always" } else { "" };
        let text = format!("listen: {address}\njetstream {{ store_dir: \"{store}\"{sync} }}\n");
        fs::write(home.path().join("nats.conf"), text).unwrap();
        let mut command = Command::new(installed("venv/bin/nats-server")?);
        command.arg("-c").arg(home.path().join("nats.conf"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Some(Self { program: Program::start(command, address), home, runtime })
    }

    pub fn feed(&self) -> String {
        format!("kind = \"nats\"\nurl = \"nats://{}\"\nstream = \"SALES\"\nsubject = \"sales.*\"", self.program.address)
    }

    /// Loses everything that the server holds.
    pub fn forgets(&mut self) {
        self.program.kill();
        fs::remove_dir_all(self.home.path().join("js")).unwrap();
        self.program.again();
    }

    pub async fn context(&self) -> Context {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = async_nats::connect(format!("nats://{}", self.program.address)).await.unwrap();
        jetstream::new(client)
    }

    pub fn stream(&self, retention: RetentionPolicy) {
        self.runtime.block_on(async {
            let config = Config {
                name: "SALES".to_owned(),
                subjects: vec!["sales.*".to_owned()],
                retention,
                ..Config::default()
            };
            self.context().await.create_stream(config).await.unwrap();
        });
    }

    pub fn publish(&self, messages: impl IntoIterator<Item = String>) {
        self.runtime.block_on(async {
            let context = self.context().await;
            let mut sent = vec![];
            for message in messages {
                sent.push(context.publish("sales.north", message.into()).await.unwrap());
            }
            for one in sent {
                one.await.unwrap();
            }
        });
    }
}

#[test]
fn a_stream_is_read_once_from_where_it_was_left_and_sent_again_counts_once() {
    let Some(bus) = Bus::new(false) else { return };
    bus.stream(RetentionPolicy::Limits);
    let mut shop = Shop::new(&bus.feed());
    bus.publish((0..50).map(sale));
    // Several sales in one message, one of them unreadable, and a message that is none.
    bus.publish([format!("[{},{},{{\"id\":\"odd\"}}]", sale(50), sale(51)), "\u{0}not json".to_owned()]);
    let turns = drained(&mut shop.pump());
    assert_eq!(shop.totals(), (52, pieces(52)));
    assert_eq!(
        turns.iter().map(|turn| (turn.messages, turn.aside)).fold((0, 0), |(a, b), (c, d)| (a + c, b + d)),
        (52, 2)
    );
    assert_eq!(shop.asides().iter().map(|kept| kept.aside.origin.position).collect::<Vec<_>>(), [52, 51]);
    bus.publish((40..60).map(sale));
    let mut pump = shop.pump();
    assert_eq!(drained(&mut pump).iter().map(|turn| turn.messages).sum::<usize>(), 20, "it goes on where it was");
    assert_eq!(shop.totals(), (60, pieces(60)));
    assert_eq!(drained(&mut pump), []);
}

#[test]
fn a_server_that_forgot_everything_is_read_anew_and_nothing_counts_twice() {
    let Some(mut bus) = Bus::new(false) else { return };
    bus.stream(RetentionPolicy::Limits);
    let mut shop = Shop::new(&bus.feed());
    bus.publish((0..30).map(sale));
    let mut pump = shop.pump();
    drained(&mut pump);
    bus.forgets();
    // Lost: told, and the standing says so, until the stream is there again.
    let lost = (0..20).find_map(|_| pump.turn(Duration::from_millis(200), None, &now).err()).unwrap();
    assert!(pump.turn(Duration::ZERO, None, &now).unwrap_err().reason.contains("make it first"), "{lost}");
    assert!(shop.standing().fault.is_some());
    bus.stream(RetentionPolicy::Limits);
    bus.publish((10..20).map(sale));
    let turns = drained(&mut pump);
    assert!(turns[0].told[0].contains("ends at 10 and was read up to 30: it is read from its beginning"), "{turns:?}");
    assert_eq!((shop.totals(), shop.standing().fault), ((30, pieces(30)), None));
    // As long as before, with other messages: what stands where it was left tells.
    bus.forgets();
    bus.stream(RetentionPolicy::Limits);
    bus.publish((20..70).map(sale));
    let turns = drained(&mut shop.pump());
    assert!(turns[0].told[0].contains("holds another message where it was left"), "{turns:?}");
    assert_eq!(shop.totals(), (70, pieces(70)));
}

#[test]
fn messages_that_are_gone_before_they_were_read_are_told() {
    let Some(bus) = Bus::new(false) else { return };
    bus.stream(RetentionPolicy::Limits);
    let mut shop = Shop::new(&bus.feed());
    bus.publish((0..10).map(sale));
    drained(&mut shop.pump());
    bus.publish((10..30).map(sale));
    bus.runtime.block_on(async {
        bus.context().await.get_stream("SALES").await.unwrap().purge().sequence(21).await.unwrap();
    });
    let turns = drained(&mut shop.pump());
    assert!(
        turns[0].told[0].contains("messages 11 to 20 of stream 'SALES' were gone before they were read"),
        "{turns:?}"
    );
    assert_eq!(shop.totals(), (20, pieces(30) - (10..20).map(super::units).sum::<i64>()));
}

#[test]
fn a_queue_that_forgets_what_is_acknowledged_loses_nothing_and_carries_sales_alone() {
    let Some(bus) = Bus::new(false) else { return };
    bus.stream(RetentionPolicy::WorkQueue);
    let mut shop = Shop::new(&bus.feed());
    bus.publish((0..40).map(sale));
    drained(&mut shop.pump());
    assert_eq!(shop.totals(), (40, pieces(40)));
    let left = bus
        .runtime
        .block_on(async { bus.context().await.get_stream("SALES").await.unwrap().cached_info().state.messages });
    assert_eq!(left, 0, "what is kept is acknowledged");
    bus.publish((40..50).map(sale));
    drained(&mut shop.pump());
    assert_eq!(shop.totals(), (50, pieces(50)));
    let mut stock = Shop::new(&format!("carries = \"stock\"\n{}", bus.feed()));
    let refused = stock.pump().turn(Duration::ZERO, None, &now).unwrap_err();
    assert!(refused.reason.contains("give it retention by limits"), "{refused}");
}
