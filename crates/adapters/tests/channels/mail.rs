//! Mail against aiosmtpd, which keeps what it takes as files.

use super::programs::{Program, free_address, python};
use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::Message;
use endcap_agent::ports::Outlet;
use endcap_govern::gate::Intent;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

struct Office {
    project: TempDir,
    program: Program,
}

impl Office {
    fn new() -> Option<Self> {
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = python("aiosmtpd")?;
        command.args(["-n", "-l", &address.to_string(), "-c", "aiosmtpd.handlers.Mailbox"]);
        command.arg(project.path().join("box"));
        Some(Self { program: Program::start(command, address), project })
    }

    fn mails(&self) -> Vec<String> {
        // The server files a mail just after it has answered for it.
        std::thread::sleep(Duration::from_millis(300));
        let Ok(entries) = fs::read_dir(self.project.path().join("box/new")) else { return vec![] };
        entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }
}

impl World for Office {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let port = through.unwrap_or(self.program.address).port();
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"mail\"\ncarries = [\"prices\"]\nhost = \"127.0.0.1\"\nport = {port}\n\
             from = \"Endcap <endcap@shop.example>\"\nto = [\"north@shop.example\"]\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"X-Endcap-Key"
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let mut mails = self.mails();
        mails.sort();
        mails.concat()
    }

    fn held(&mut self, message: &Message, _: &Intent) -> Option<i64> {
        let key = message.key().to_string();
        let mails: Vec<String> = self.mails().into_iter().filter(|mail| mail.contains(&key)).collect();
        assert_eq!(mails.len(), 1, "one mail for a message: {mails:?}");
        let line = mails[0].lines().find_map(|line| line.strip_prefix("price: ")).unwrap();
        line.trim().parse().ok()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn mail_is_accepted() {
    let Some(mut office) = Office::new() else { return };
    accepts(&mut office);
}
