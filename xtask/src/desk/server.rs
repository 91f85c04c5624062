//! The desk in a process of its own.

use super::client::Client;
use crate::measure::peak_of;
use anyhow::{Context, bail};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The desk in a process of its own.
pub struct Desk {
    process: Child,
    /// Where it listens.
    pub address: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Desk {
    /// Starts it over the shipped example.
    pub fn start(endcap: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::over(endcap, folder, &["--demo"])
    }

    /// Starts it over a project, for callers that ask as often as they can.
    pub fn over(endcap: &Path, folder: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let mut process = Command::new(endcap)
            .args(["serve", "--listen", "127.0.0.1:0", "--requests-per-second", "1000000"])
            .args(more)
            .arg(folder)
            .env("ENDCAP_LOG", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .context("the desk could not be started")?;
        let mut lines = BufReader::new(process.stderr.take().context("standard error is piped")?).lines();
        let said = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Endcap is at http://"));
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("desk: {line}")));
        let address = said.as_deref().and_then(|line| line.split("http://").nth(1)?.split(' ').next());
        let address = address.context("the desk did not say where it is")?.to_owned();
        Ok(Self { process, address })
    }

    /// Signs in to the demo in a role and makes a token.
    pub fn token(&self, role: &str) -> anyhow::Result<String> {
        let mut client = Client::new(&self.address, "Content-Type: application/json\r\n")?;
        let wanted = json!({ "role": role }).to_string();
        let signed_in = client.ask("POST", "/api/v1/session/demo", wanted.as_bytes())?;
        let csrf = signed_in.json()?["csrf"].as_str().context("a session has a CSRF token")?.to_owned();
        let cookie = signed_in.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).context("a session has a cookie")?;
        write!(client.headers, "Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n")?;
        let wanted = json!({ "name": "xtask", "roles": [role], "days": 1 }).to_string();
        let made = client.ask("POST", "/api/v1/tokens", wanted.as_bytes())?.json()?;
        Ok(made["token"].as_str().context("a token has a value")?.to_owned())
    }

    /// A caller with a token.
    pub fn client(&self, token: &str) -> anyhow::Result<Client> {
        Client::new(&self.address, &format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"))
    }

    /// Waits until boards can be drawn.
    pub fn wait_until_ready(&self, token: &str) -> anyhow::Result<()> {
        let mut client = self.client(token)?;
        for _ in 0..1200 {
            match client.ask("GET", "/api/v1/project", b"")?.json()?["state"].as_str() {
                Some("ready") => return Ok(()),
                Some("failed") => bail!("the example could not be read"),
                _ => thread::sleep(Duration::from_millis(500)),
            }
        }
        bail!("the example was not ready after 10 minutes")
    }

    /// Answers that blame the server itself, as its own figures count them; 503 says that it is not ready.
    pub fn server_errors(&self) -> anyhow::Result<Vec<String>> {
        let figures = Client::new(&self.address, "")?.ask("GET", "/metrics", b"")?;
        let text = String::from_utf8_lossy(&figures.body);
        let broken = |line: &&str| {
            line.starts_with("endcap_http_requests_total{")
                && line.contains("status=\"5")
                && !line.contains("status=\"503\"")
        };
        Ok(text.lines().filter(broken).map(str::to_owned).collect())
    }

    /// Most memory that it has held, in MB.
    pub fn peak_mb(&self) -> anyhow::Result<f64> {
        Ok(peak_of(self.process.id()).context("the desk's memory can be read")? * 1.048_576)
    }
}
