//! Webhooks against a receiver of our own, which stands in for the company outside: it checks signatures, knows keys again
//! and refuses what is older.

use super::approved::{approved, intent};
use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What the receiver holds, and how it behaves.
#[derive(Default)]
struct Held {
    by_subject: BTreeMap<String, Value>,
    by_key: BTreeMap<String, u16>,
    effects: usize,
    /// Keys that it knows.
    keys: Vec<(String, String)>,
    /// An answer to everything.
    always: Option<String>,
    asked: usize,
}

struct Receiver {
    held: Arc<Mutex<Held>>,
    address: SocketAddr,
    open: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Receiver {
    fn start(held: Arc<Mutex<Held>>, address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let (state, is_open) = (held.clone(), open.clone());
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if !is_open.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream, &mut state.lock().unwrap());
            }
        });
        Self { held, address, open, thread: Some(thread) }
    }

    fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.open.store(false, Ordering::SeqCst);
            let _ = TcpStream::connect(self.address);
            thread.join().unwrap();
        }
    }
}

fn answer(mut stream: TcpStream, held: &mut Held) {
    let (mut bytes, mut buffer) = (vec![], [0; 65536]);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let head = loop {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
            _ => return,
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
    };
    let header = |name: &str| {
        let of_name = |line: &&str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        head.lines().find(of_name).map(|line| line.split_once(": ").unwrap().1.to_owned())
    };
    let length = header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < length {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    held.asked += 1;
    if let Some(text) = &held.always {
        let _ = stream.write_all(text.as_bytes());
        return;
    }
    let (status, body) = match is_signed(held, &header, &bytes) {
        true => done(held, &head, &header, &bytes),
        false => (401, "{\"error\": \"the signature is not one of ours\"}".to_owned()),
    };
    let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}

fn is_signed(held: &Held, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> bool {
    let (Some(time), Some(signatures)) = (header("webhook-timestamp"), header("webhook-signature")) else {
        return false;
    };
    let age = jiff::Timestamp::now().as_second() - time.parse::<i64>().unwrap();
    let fits = |(id, key): &(String, String)| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(&[time.as_bytes(), b".", body].concat());
        let made: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        signatures.split(' ').any(|given| given == format!("kid={id},v1={made}"))
    };
    age.abs() < 60 && held.keys.iter().any(fits)
}

fn done(held: &mut Held, head: &str, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> (u16, String) {
    let path = head.split(' ').nth(1).unwrap();
    if let Some(subject) = path.strip_prefix("/status/") {
        return held.by_subject.get(subject).map_or((404, String::new()), |value| (200, value.to_string()));
    }
    let event: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(header("content-type").unwrap(), "application/cloudevents+json");
    assert_eq!(event["specversion"], "1.0");
    let key = header("idempotency-key").unwrap();
    assert_eq!(event["id"], key.as_str());
    if let Some(status) = held.by_key.get(&key) {
        return (*status, String::new());
    }
    let (subject, notice) = (event["subject"].as_str().unwrap().to_owned(), event["data"].clone());
    let there = held.by_subject.get(&subject).and_then(|there| there["generation"].as_u64());
    if there.is_some_and(|there| there > notice["generation"].as_u64().unwrap()) {
        return (412, String::new());
    }
    held.effects += 1;
    held.by_subject.insert(subject, notice);
    held.by_key.insert(key, 202);
    (202, String::new())
}

struct Company {
    project: TempDir,
    receiver: Receiver,
}

impl Company {
    fn new() -> Self {
        let held = Held { keys: vec![("2026-b".into(), "the second key of them all".into())], ..Held::default() };
        let company = Self {
            receiver: Receiver::start(Arc::new(Mutex::new(held)), "127.0.0.1:0"),
            project: tempfile::tempdir().unwrap(),
        };
        company.key("a.key", "the first key of them all", 0o600);
        company.key("b.key", "the second key of them all", 0o600);
        company
    }

    fn key(&self, name: &str, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.project.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn settings(&self, address: SocketAddr, keys: &[&str], allow: &str) -> String {
        let key = |name: &&str| format!("{{ id = \"2026-{name}\", file = \"{name}.key\" }}");
        let keys: Vec<String> = keys.iter().map(key).collect();
        format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"webhook\"\ncarries = [\"prices\", \"orders\"]\n\
             url = \"http://{address}/prices\"\nstatus = \"http://{}/status/{{subject}}\"\nkeys = [{}]\nallow = [{allow}]\n\
             promises = {{ knows_key_for_seconds = 86400, refuses_older = true, keeps_time = true }}\n",
            self.receiver.address,
            keys.join(", ")
        )
    }

    fn opened(&self, settings: &str) -> Box<dyn Outlet> {
        fs::write(self.project.path().join(FILE_NAME), settings).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn answers(&self, always: &str) {
        self.receiver.held.lock().unwrap().always = Some(always.into());
    }
}

impl World for Company {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let address = through.unwrap_or(self.receiver.address);
        self.opened(&self.settings(address, &["a", "b"], "\"127.0.0.1\""))
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.receiver.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"POST /prices"
    }

    fn stop(&mut self) {
        self.receiver.stop();
    }

    fn start(&mut self) {
        let address = self.receiver.address.to_string();
        self.receiver = Receiver::start(self.receiver.held.clone(), &address);
    }

    fn state(&mut self) -> String {
        let held = self.receiver.held.lock().unwrap();
        format!("{} effects: {:?}", held.effects, held.by_subject)
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let held = self.receiver.held.lock().unwrap();
        assert_eq!(held.by_subject.len(), 1);
        held.by_subject.values().next()?["price"].as_i64()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

fn heard(outlet: &mut dyn Outlet) -> Heard {
    let offer = Action::StartOffer { offer: "o1".into(), price: 150 };
    let intent = intent(CHANNEL, "north", "milk", offer, 1);
    let message = Message::of(&intent, &outlet.promises());
    outlet.send(&message, &approved(&intent))
}

#[test]
fn a_webhook_is_accepted() {
    accepts(&mut Company::new());
}

#[test]
fn a_receiver_changes_to_the_next_key_at_a_time_of_its_own() {
    let company = Company::new();
    let at = company.receiver.address;
    let mut old = company.opened(&company.settings(at, &["a"], "\"127.0.0.1\""));
    assert!(matches!(heard(old.as_mut()), Heard::Refused { reason } if reason.contains("401")));
    let mut both = company.opened(&company.settings(at, &["a", "b"], "\"127.0.0.1\""));
    assert!(matches!(heard(both.as_mut()), Heard::Acknowledged { .. }));
}

#[test]
fn private_addresses_are_asked_only_where_they_are_listed() {
    let company = Company::new();
    let mut outlet = company.opened(&company.settings(company.receiver.address, &["b"], ""));
    assert!(matches!(heard(outlet.as_mut()), Heard::Refused { reason } if reason.contains("allow")));
    let named = format!("http://localhost:{}", company.receiver.address.port());
    let settings = company.settings(company.receiver.address, &["b"], "\"::1\"");
    let settings =
        settings.replace(&format!("url = \"http://{}", company.receiver.address), &format!("url = \"{named}"));
    let mut outlet = company.opened(&settings);
    assert!(matches!(heard(outlet.as_mut()), Heard::Refused { reason } if reason.contains("127.0.0.1")), "by name too");
    assert_eq!(company.receiver.held.lock().unwrap().asked, 0, "nobody was asked");
}

#[test]
fn answers_that_are_no_answers_are_told_as_what_they_are() {
    let company = Company::new();
    let mut outlet = company.opened(&company.settings(company.receiver.address, &["b"], "\"127.0.0.1\""));
    let mut heard_of = |always: String| {
        company.answers(&always);
        heard(outlet.as_mut())
    };
    let elsewhere = Receiver::start(Arc::default(), "127.0.0.1:0");
    let moved = format!("HTTP/1.1 307 x\r\nlocation: http://{}/prices\r\ncontent-length: 0\r\n\r\n", elsewhere.address);
    assert!(matches!(heard_of(moved), Heard::Refused { reason } if reason.contains("307")));
    assert_eq!(elsewhere.held.lock().unwrap().asked, 0, "a redirect was followed");
    let short = |line: &str| format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n");
    let wait = SignedDuration::from_secs(7);
    assert_eq!(heard_of(short("429 x\r\nretry-after: 7")), Heard::Busy { wait });
    assert_eq!(heard_of(short("503 x\r\nretry-after: 7")), Heard::Busy { wait });
    assert_eq!(heard_of(short("503 x")), Heard::Silence, "it may have happened");
    assert!(matches!(heard_of(short("422 x")), Heard::Refused { .. }));
    let large = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{}", 2 << 20, "x".repeat(2 << 20));
    assert_eq!(heard_of(large), Heard::Silence, "more than is read");
    assert_eq!(heard_of("HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nhalf".into()), Heard::Silence);
}

#[test]
fn an_answer_that_takes_too_long_is_silence() {
    let company = Company::new();
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut outlet = company.opened(&company.settings(slow.local_addr().unwrap(), &["b"], "\"127.0.0.1\""));
    let begun = std::time::Instant::now();
    assert_eq!(heard(outlet.as_mut()), Heard::Silence);
    assert!((4..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn only_what_is_declared_is_promised_and_keys_are_for_their_owner_alone() {
    let company = Company::new();
    let settings = company.settings(company.receiver.address, &["b"], "");
    let bare: String = settings
        .lines()
        .filter(|line| !line.starts_with("status") && !line.starts_with("promises"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(company.opened(&bare).promises(), Promises::default());
    company.key("b.key", "the second key of them all", 0o640);
    let error = problem(company.project.path());
    assert!(error.contains("b.key") && error.contains("mode 640"), "{error}");
    company.key("b.key", "short", 0o600);
    let error = problem(company.project.path());
    assert!(error.contains("2026-b") && error.contains("16 bytes") && !error.contains("short\""), "{error}");
}

fn problem(project: &Path) -> String {
    open(project).err().unwrap().to_string()
}
