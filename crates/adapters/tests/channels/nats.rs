//! NATS JetStream against the real server, which syncs every write; read by a client of two dozen lines.

use super::programs::{Program, free_address, installed};
use super::suite::{CHANNEL, World, accepts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::Message;
use endcap_agent::ports::Outlet;
use endcap_govern::gate::Intent;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use tempfile::TempDir;

struct Bus {
    project: TempDir,
    program: Program,
}

impl Bus {
    fn new() -> Option<Self> {
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let store = project.path().join("js").display().to_string();
        let text = format!("listen: {address}\njetstream {{ store_dir: \"{store}\", sync_interval: always }}\n");
        let settings = project.path().join("nats.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(installed("venv/bin/nats-server")?);
        command.arg("-c").arg(settings);
        Some(Self { program: Program::start(command, address), project })
    }

    /// Asks the server's own interface and reads one answer.
    fn ask(&self, subject: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.program.address).unwrap();
        let length = body.len();
        write!(stream, "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {length}\r\n{body}\r\n")
            .unwrap();
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the server hung up");
            if line.starts_with("MSG ") {
                let mut bytes = vec![0; line.trim().rsplit(' ').next().unwrap().parse().unwrap()];
                reader.read_exact(&mut bytes).unwrap();
                return serde_json::from_slice(&bytes).unwrap();
            }
        }
    }

    fn values(&self) -> Vec<Value> {
        let stored = self.ask("$JS.API.STREAM.INFO.KV_shelf", "{\"subjects_filter\": \">\"}");
        let Some(subjects) = stored["state"]["subjects"].as_object() else { return vec![] };
        let last = |subject: &String| {
            let message = self.ask("$JS.API.STREAM.MSG.GET.KV_shelf", &format!("{{\"last_by_subj\": \"{subject}\"}}"));
            let bytes = STANDARD.decode(message["message"]["data"].as_str().unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        subjects.keys().map(last).collect()
    }
}

impl World for Bus {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let address = through.unwrap_or(self.program.address);
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"nats\"\ncarries = [\"prices\", \"orders\", \"transfers\"]\n\
             url = \"nats://{address}\"\nbucket = \"shelf\"\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"HPUB $KV.shelf."
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let stored = self.ask("$JS.API.STREAM.INFO.KV_shelf", "");
        format!("{} writes: {:?}", stored["state"]["last_seq"], self.values())
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let values = self.values();
        assert_eq!(values.len(), 1, "{values:?}");
        values[0]["price"].as_i64()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn a_bucket_of_jetstream_is_accepted() {
    let Some(mut bus) = Bus::new() else { return };
    accepts(&mut bus);
}
