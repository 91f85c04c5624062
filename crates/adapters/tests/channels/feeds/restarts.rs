//! Brokers that are killed and started again while a producer sends, and whoever takes is killed as well: in the end every sale
//! is there once.

use super::kafka::Broker;
use super::nats::Bus;
use super::{drained, now, pieces, pump, sale, totals, write_project};
use async_nats::jetstream::stream::RetentionPolicy;
use endcap_adapters::records::Records;
use krafka::Record;
use krafka::producer::Acks;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CHILD: &str = "ENDCAP_TEST_FEED";

/// How often a broker is killed: a few times, or as often as `ENDCAP_RESTARTS` says.
fn restarts(few: usize) -> usize {
    std::env::var("ENDCAP_RESTARTS").ok().map_or(few, |text| text.parse().expect("ENDCAP_RESTARTS is a number"))
}

/// Whoever takes, in a process of its own.
struct Taker {
    child: Child,
}

impl Taker {
    fn start(project: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "feeds::restarts::a_child_takes_until_it_is_killed", "--ignored"])
            .env(CHILD, project)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the child of a test that kills it"]
fn a_child_takes_until_it_is_killed() {
    let Ok(project) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let records = runtime.block_on(Records::open(Path::new(&project))).unwrap();
    let mut pump = pump(Path::new(&project), records, runtime.handle().clone());
    loop {
        if pump.turn(Duration::from_millis(200), None, &now).is_err() {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A producer that sends one sale after another, each until it is acknowledged; returns how many were.
fn producing(
    send: impl Fn(usize) -> bool + Send + 'static,
    stop: Arc<AtomicBool>,
) -> (Arc<AtomicUsize>, std::thread::JoinHandle<()>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let thread = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let id = count.load(Ordering::Relaxed);
            if send(id) {
                count.store(id + 1, Ordering::Relaxed);
            }
        }
    });
    (sent, thread)
}

/// Reads the source once more from its beginning, by a feed of another name: sales that were not there yet.
fn missed(project: &Path, feed: &str) -> usize {
    let named = fs::read_to_string(project.join("endcap.toml")).unwrap().replace("\"tills\"", "\"again\"");
    assert!(named.contains(feed));
    fs::write(project.join("endcap.toml"), named).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let records = runtime.block_on(Records::open(project)).unwrap();
    let turns = drained(&mut pump(project, records, runtime.handle().clone()));
    assert!(turns.iter().map(|turn| turn.messages).sum::<usize>() > 0, "it was not read from its beginning");
    turns.iter().map(|turn| turn.new).sum()
}

/// Kills broker and taker again and again, and compares in the end with what the broker holds, and with what was
/// acknowledged: a broker that forgets some of that may have lost them.
fn survives(
    (name, forgets): (&str, bool),
    feed: &str,
    times: usize,
    mut restart: impl FnMut(),
    send: impl Fn(usize) -> bool + Send + 'static,
) {
    let project: TempDir = tempfile::tempdir().unwrap();
    write_project(project.path(), feed);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let stop = Arc::new(AtomicBool::new(false));
    let mut taker = Taker::start(project.path());
    let (sent, producer) = producing(send, stop.clone());
    let mut kills = 0;
    for time in 0..times {
        std::thread::sleep(Duration::from_millis(random.random_range(150..600)));
        // A client may take longer than that to find the broker again: something is sent between two restarts.
        let (before, waited) = (sent.load(Ordering::Relaxed), Instant::now());
        while sent.load(Ordering::Relaxed) < before + 10 && waited.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        restart();
        if time % 2 == 1 {
            drop(taker);
            kills += 1;
            taker = Taker::start(project.path());
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    stop.store(true, Ordering::Relaxed);
    producer.join().unwrap();
    let sent = sent.load(Ordering::Relaxed);
    let wanted = (i64::try_from(sent).unwrap(), pieces(sent));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let mut found = runtime.block_on(totals(project.path()));
    // The last sale may have arrived without its acknowledgement.
    while found.0 < wanted.0 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
        found = runtime.block_on(totals(project.path()));
    }
    drop(taker);
    let standing = runtime.block_on(endcap_adapters::records::feeds::standings(project.path())).unwrap().remove(0);
    assert_eq!((standing.new as i64, standing.aside), (found.0, 0));
    assert_eq!(missed(project.path(), feed), 0, "{name}: the broker holds what was not taken; {found:?} were");
    let one_more = (wanted.0 + 1, pieces(sent + 1));
    let all_there = found == wanted || found == one_more;
    assert!(all_there || forgets && found.0 < wanted.0, "{name}: {found:?} kept, {wanted:?} acknowledged");
    let forgotten = (wanted.0 - found.0).max(0);
    assert!(sent > 5 * times, "{name}: only {sent} sales were sent");
    println!(
        "measured: R5 | {name} | {times} restarts of the broker and {kills} kills of the taker while {sent} sales were sent: count \
         {} and pieces {} equal to what it holds ({forgotten} it forgot after acknowledging them), {} came more than once",
        found.0, found.1, standing.repeated
    );
}

#[test]
fn restarts_of_jetstream_lose_and_double_nothing() {
    let Some(mut bus) = Bus::new(true) else { return };
    bus.stream(RetentionPolicy::Limits);
    let (feed, address) = (bus.feed(), bus.program.address);
    let restart = move || {
        bus.program.kill();
        bus.program.again();
    };
    survives(("NATS JetStream", false), &feed, restarts(4), restart, nats_sender(address));
}

fn nats_sender(address: SocketAddr) -> impl Fn(usize) -> bool + Send {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = std::cell::RefCell::new(None);
    move |id| {
        let mut client = client.borrow_mut();
        let sent = runtime.block_on(async {
            if client.is_none() {
                *client = async_nats::ConnectOptions::new()
                    .connection_timeout(Duration::from_secs(1))
                    .connect(format!("nats://{address}"))
                    .await
                    .ok();
            }
            let Some(client) = client.as_ref() else { return false };
            let mut context = async_nats::jetstream::new(client.clone());
            context.set_timeout(Duration::from_millis(500));
            let Ok(sent) = context.publish("sales.north", sale(id).into()).await else { return false };
            sent.await.is_ok()
        });
        if !sent {
            *client = None;
            std::thread::sleep(Duration::from_millis(20));
        }
        sent
    }
}

#[test]
fn restarts_of_a_kafka_broker_lose_and_double_nothing() {
    let Some(mut broker) = Broker::new() else { return };
    let (feed, address) = (broker.feed(), broker.program.address);
    // It writes what it acknowledged some time later: killed, it forgets topics; stopped in order, a sale at times.
    let restart = move || {
        broker.program.end();
        broker.program.again();
    };
    survives(("Kafka protocol (noida-db, stopped in order)", true), &feed, restarts(4), restart, kafka_sender(address));
}

fn kafka_sender(address: SocketAddr) -> impl Fn(usize) -> bool + Send {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let producer = std::cell::RefCell::new(None);
    move |id| {
        let mut producer = producer.borrow_mut();
        let sent = runtime.block_on(async {
            if producer.is_none() {
                let made = async {
                    let client = krafka::Kafka::builder(address.to_string())
                        .request_timeout(Duration::from_secs(2))
                        .connect_timeout(Duration::from_secs(1))
                        .connect()
                        .await?;
                    let linger = Duration::from_millis(1);
                    client
                        .producer()
                        .acks(Acks::All)
                        .linger(linger)
                        .delivery_timeout(Duration::from_secs(3))
                        .build()
                        .await
                };
                *producer = tokio::time::timeout(Duration::from_secs(3), made).await.ok().and_then(Result::ok);
            }
            let Some(producer) = producer.as_ref() else { return false };
            let record = Record::new("sales", sale(id)).key(format!("till {}", id % 5));
            matches!(tokio::time::timeout(Duration::from_secs(3), producer.send(record)).await, Ok(Ok(_)))
        });
        if !sent {
            *producer = None;
            std::thread::sleep(Duration::from_millis(20));
        }
        sent
    }
}
