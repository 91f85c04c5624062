//! The desk as a caller meets it, without a network between.

mod access;
mod contract;
mod data;
mod learn;
mod loaded;
mod planning;
mod provider;
mod requests;
mod rights;
mod spans;
mod stops;

use super::{App, Settings, Site, open, shell};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use endcap_adapters::desk::NewAccount;
use endcap_govern::Role;
use endcap_govern::audit::{Held, Record};
use jiff::Timestamp;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tempfile::TempDir;
use tower::ServiceExt;

const PASSWORD: &str = "a long enough secret";

/// A desk in a folder of its own.
struct TestDesk {
    app: App,
    router: Router,
    _folder: TempDir,
}

/// An answer, read whole.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn kind(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.body);
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// Somebody who is signed in with a browser.
struct Browser<'a> {
    desk: &'a TestDesk,
    cookie: String,
    csrf: String,
}

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(super) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn settings(folder: &Path, demo: bool) -> Settings {
    Settings {
        folder: folder.to_owned(),
        demo,
        site: Site::parse("http://127.0.0.1:8484").unwrap(),
        requests_per_second: 1000,
        upload_max: 1 << 20,
        trusted_proxies: Vec::new(),
        sign_in: None,
        audit_keys: endcap_govern::audit::Anchors::default(),
    }
}

impl TestDesk {
    async fn new(demo: bool) -> Self {
        Self::with(|settings| settings.demo = demo).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::set_up(tempfile::tempdir().unwrap(), change).await
    }

    /// A desk over a project that is there already.
    async fn over(folder: TempDir) -> Self {
        Self::set_up(folder, |_| {}).await
    }

    async fn set_up(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(folder.path(), false);
        change(&mut settings);
        let app = open(settings, noon).await.unwrap();
        Self { router: shell::router(app.clone()), app, _folder: folder }
    }

    async fn account(&self, name: &str, roles: &[Role]) {
        let password = Some(super::password::hash(PASSWORD).unwrap());
        let new = NewAccount { name: name.to_owned(), roles: roles.to_vec(), password, subject: None };
        self.app.desk.add_account(&new, noon()).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Got { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn get_with(&self, bearer: &str, path: &str) -> Got {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The audit trail, a line for each record; personal values are in brackets.
    async fn trail(&self) -> Vec<String> {
        let values = self.app.ledger.openings().await.unwrap();
        let told = |held: &Held| match held {
            Held::Open(text) => text.clone(),
            Held::Committed { commitment } => format!("({})", values[commitment]),
        };
        let line = |record: &Record| {
            let Record { entry, .. } = record;
            let why: Vec<String> = entry.reasons.iter().map(told).collect();
            let (who, what, on) = (told(&entry.actor), &entry.action, told(&entry.subject));
            format!("{who} {what} {on} {:?} {}", entry.ruling, why.join(", "))
        };
        self.app.ledger.last(50).await.unwrap().iter().map(line).collect()
    }

    async fn sign_in(&self, name: &str) -> Browser<'_> {
        let mut request = json("POST", "/api/v1/session", &credentials(name, PASSWORD));
        // People sit at machines of their own, so that they do not use up each other's tries.
        let machine = name.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((Ipv4Addr::from_bits(machine), 4711))));
        let got = self.send(request).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap();
        Browser {
            desk: self,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            csrf: got.json()["csrf"].as_str().unwrap().to_owned(),
        }
    }
}

impl Browser<'_> {
    fn request(&self, method: &str, path: &str, body: &Value) -> Request<Body> {
        let mut request = json(method, path, body);
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, self.cookie.parse().unwrap());
        headers.insert("x-csrf-token", self.csrf.parse().unwrap());
        request
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Got {
        self.desk.send(self.request(method, path, body)).await
    }

    async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &Value::Null).await
    }
}

fn credentials(name: &str, password: &str) -> Value {
    serde_json::json!({ "name": name, "password": password })
}

fn json(method: &str, path: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    request.body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) }).unwrap()
}
