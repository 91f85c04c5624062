//! SFTP against OpenSSH's own server, whose files are read from its disk.
//!
//! What travels is encrypted, so that no proxy can tell where to break it: lost requests and answers are not tried here.

use super::approved::{approved, intent};
use super::programs::{Program, free_address, of_system};
use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

struct Server {
    project: TempDir,
    program: Program,
    host_key: &'static str,
}

impl Server {
    fn new() -> Option<Self> {
        let (sshd, keygen) = (of_system("sshd")?, of_system("ssh-keygen")?);
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let path = |name: &str| project.path().join(name);
        for name in ["ours", "theirs", "others"] {
            let made =
                Command::new(&keygen).args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path(name)).status();
            assert!(made.unwrap().success());
        }
        fs::copy(path("ours.pub"), path("allowed")).unwrap();
        fs::create_dir(path("drop")).unwrap();
        // The server wants this folder, which an installed service makes when it starts.
        fs::create_dir_all("/run/sshd").unwrap();
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nPidFile none\nSubsystem sftp internal-sftp\n",
            address.port(),
            path("theirs").display(),
            path("allowed").display()
        );
        fs::write(path("sshd_config"), text).unwrap();
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(path("sshd_config"));
        Some(Self { program: Program::start(command, address), project, host_key: "theirs.pub" })
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn folder(&self) -> PathBuf {
        self.project.path().join("drop")
    }
}

fn user() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

impl World for Server {
    fn outlet(&mut self, _: Option<SocketAddr>) -> Box<dyn Outlet> {
        let host_key = fs::read_to_string(self.project.path().join(self.host_key)).unwrap();
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"sftp\"\ncarries = [\"prices\"]\nhost = \"127.0.0.1\"\nport = {}\n\
             user = \"{}\"\nkey = \"ours\"\nhost_key = \"{}\"\nfolder = \"{}\"\nformat = \"json\"\n",
            self.program.address.port(),
            user(),
            host_key.trim(),
            self.folder().display()
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }

    fn mark(&self) -> &'static [u8] {
        b""
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let file = |name: String| format!("{name}\n{}\n", fs::read_to_string(self.folder().join(&name)).unwrap());
        self.names().into_iter().map(file).collect()
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let manifests = self.names().into_iter().filter(|name| name.ends_with(".manifest"));
        let last = manifests.max_by_key(|name| name.split('-').nth(1).unwrap().to_owned())?;
        let text = fs::read_to_string(self.folder().join(last.replace(".manifest", ".json"))).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["price"].as_i64()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn a_drop_over_sftp_is_accepted() {
    let Some(mut server) = Server::new() else { return };
    accepts(&mut server);
}

#[test]
fn a_server_with_another_key_is_given_nothing() {
    let Some(mut server) = Server::new() else { return };
    server.host_key = "others.pub";
    let mut outlet = server.outlet(None);
    let offer = Action::StartOffer { offer: "o1".into(), price: 150 };
    let intent = intent(CHANNEL, "north", "milk", offer, 1);
    let message = Message::of(&intent, &outlet.promises());
    assert_eq!(outlet.send(&message, &approved(&intent)), Heard::Unreachable);
    assert!(outlet.rehearse(&message, &intent).unwrap_err().contains("host_key"));
    assert!(server.names().is_empty());
}

#[test]
fn a_file_that_a_crash_left_without_its_manifest_is_finished() {
    let Some(mut server) = Server::new() else { return };
    let mut outlet = server.outlet(None);
    let offer = Action::StartOffer { offer: "o1".into(), price: 150 };
    let intent = intent(CHANNEL, "north", "milk", offer, 1);
    let message = Message::of(&intent, &outlet.promises());
    assert!(matches!(outlet.send(&message, &approved(&intent)), Heard::Acknowledged { .. }));
    let whole = server.state();
    let manifest = server.names().into_iter().find(|name| name.ends_with(".manifest")).unwrap();
    fs::remove_file(server.folder().join(manifest)).unwrap();
    assert_eq!(outlet.read_back(&message, &intent), Heard::Holds(None));
    assert!(matches!(outlet.send(&message, &approved(&intent)), Heard::Acknowledged { .. }));
    assert_eq!(server.state(), whole);
}
