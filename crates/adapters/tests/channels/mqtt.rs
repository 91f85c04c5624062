//! Shelf labels against Mosquitto, read by its own client.

use super::programs::{Program, free_address, of_system};
use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::Message;
use endcap_agent::ports::Outlet;
use endcap_govern::gate::Intent;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

struct Labels {
    project: TempDir,
    program: Program,
    subscriber: PathBuf,
}

impl Labels {
    fn new() -> Option<Self> {
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let store = project.path().join("store");
        fs::create_dir(&store).unwrap();
        let settings = project.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             autosave_interval 1\nautosave_on_changes true\nuser root\n",
            address.port(),
            store.display()
        );
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(of_system("mosquitto")?);
        command.arg("-c").arg(settings);
        let subscriber = of_system("mosquitto_sub")?;
        Some(Self { program: Program::start(command, address), project, subscriber })
    }

    /// Topics with what they retain.
    fn retained(&self) -> Vec<(String, Value)> {
        let port = self.program.address.port().to_string();
        let output = Command::new(&self.subscriber)
            .args(["-h", "127.0.0.1", "-p", &port, "-t", "#", "-v", "--retained-only", "-W", "1", "-q", "1"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = |line: &str| {
            let (topic, body) = line.split_once(' ').unwrap();
            (topic.to_owned(), serde_json::from_str(body).unwrap())
        };
        text.lines().map(told).collect()
    }
}

impl World for Labels {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let address = through.unwrap_or(self.program.address);
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"mqtt\"\ncarries = [\"prices\"]\nurl = \"mqtt://{address}\"\n\
             prefix = \"labels\"\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"\"generation\":"
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        format!("{:?}", self.retained())
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let retained = self.retained();
        assert_eq!(retained.len(), 1, "{retained:?}");
        assert_eq!(retained[0].0, "labels/north/milk%2F1");
        retained[0].1["price"].as_i64()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk/1")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn shelf_labels_are_accepted() {
    let Some(mut labels) = Labels::new() else { return };
    accepts(&mut labels);
}
