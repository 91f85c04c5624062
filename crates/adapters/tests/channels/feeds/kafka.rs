//! A topic on a real broker that speaks Kafka's protocol.

use super::super::programs::{Program, free_address, installed};
use super::{Shop, drained, pieces, sale};
use krafka::admin::{CreateTopicsOptions, NewTopic};
use krafka::producer::Acks;
use krafka::{Kafka, Record};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A broker with a topic of sales.
pub struct Broker {
    home: TempDir,
    pub program: Program,
    pub runtime: Runtime,
}

impl Broker {
    pub fn new() -> Option<Self> {
        let (home, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = Command::new(binary(installed("venv/bin/noida-db")?));
        command.args(["start", "--only", "kafka", "--kafka-port"]).arg(address.port().to_string());
        command.arg("--data-dir").arg(home.path().join("data")).current_dir(home.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let broker = Self { program: Program::start(command, address), home, runtime };
        broker.topic();
        Some(broker)
    }

    pub fn feed(&self) -> String {
        format!("kind = \"kafka\"\nbrokers = \"{}\"\ntopic = \"sales\"", self.program.address)
    }

    pub fn forgets(&mut self) {
        self.program.kill();
        fs::remove_dir_all(self.home.path().join("data")).unwrap();
        self.program.again();
        self.topic();
    }

    pub async fn client(&self) -> krafka::Result<Kafka> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let patience = Duration::from_secs(5);
        let builder = Kafka::builder(self.program.address.to_string());
        builder.request_timeout(patience).connect_timeout(patience).connect().await
    }

    fn topic(&self) {
        self.runtime.block_on(async {
            let admin = self.client().await.unwrap().admin();
            let topic = NewTopic::new("sales", 3, 1).unwrap();
            let made = admin.create_topics([topic], CreateTopicsOptions::default()).await.unwrap();
            made.into_values().for_each(|one| one.unwrap());
        });
    }

    pub fn publish(&self, messages: impl IntoIterator<Item = String>) {
        self.runtime.block_on(async {
            let producer = self.client().await.unwrap().producer().acks(Acks::All).build().await.unwrap();
            let mut sent = vec![];
            for (at, message) in messages.into_iter().enumerate() {
                sent.push(
                    producer.enqueue(Record::new("sales", message).key(format!("till {}", at % 5))).await.unwrap(),
                );
            }
            for one in sent {
                let _ = one.await.unwrap();
            }
            producer.close().await.unwrap();
        });
    }
}

/// The program itself: its wrapper would outlive a kill.
fn binary(wrapper: PathBuf) -> PathBuf {
    let lib = wrapper.parent().and_then(|bin| bin.parent()).unwrap().join("lib");
    let of_python = |entry: fs::DirEntry| entry.path().join("site-packages/noida_db/noida-db");
    let program = fs::read_dir(lib).unwrap().flatten().map(of_python).find(|path| path.is_file()).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_topic_is_read_once_from_where_each_partition_was_left() {
    let Some(broker) = Broker::new() else { return };
    let mut shop = Shop::new(&broker.feed());
    broker.publish((0..60).map(sale));
    broker.publish(["no json".to_owned()]);
    drained(&mut shop.pump());
    assert_eq!((shop.totals(), shop.asides().len()), ((60, pieces(60)), 1));
    broker.publish((50..90).map(sale));
    let mut pump = shop.pump();
    let turns = drained(&mut pump);
    assert_eq!(turns.iter().map(|turn| turn.messages).sum::<usize>(), 40, "it goes on where it was");
    assert_eq!(shop.totals(), (90, pieces(90)));
    assert_eq!(drained(&mut pump), []);
}

#[test]
fn a_broker_that_forgot_everything_is_read_anew_and_nothing_counts_twice() {
    let Some(mut broker) = Broker::new() else { return };
    let mut shop = Shop::new(&broker.feed());
    broker.publish((0..60).map(sale));
    drained(&mut shop.pump());
    broker.forgets();
    broker.publish((30..45).map(sale));
    let turns = drained(&mut shop.pump());
    assert!(turns[0].told.iter().any(|told| told.contains("it is read from its beginning")), "{turns:?}");
    assert_eq!(shop.totals(), (60, pieces(60)));
    broker.forgets();
    broker.publish((40..200).map(sale));
    let turns = drained(&mut shop.pump());
    assert!(turns.iter().any(|turn| turn.told.iter().any(|told| told.contains("holds another message"))), "{turns:?}");
    assert_eq!(shop.totals(), (200, pieces(200)));
}
