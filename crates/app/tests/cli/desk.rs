//! The desk as a program that is killed, copied and brought back.

use crate::{endcap, run};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PASSWORD: &str = "a long enough secret";
const PROJECT: &str = "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n[[sales]]\nfiles = [\"till.csv\"]\n[sales.columns]\nsku = \"sku\"\nplace = \"place\"\nperiod = \"period\"\nunits = \"units\"\n";

/// The desk over a folder, in a process of its own.
pub struct Server {
    process: Child,
    pub address: String,
    token: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut server = Self::spawn(folder, &[]);
        server.sign_in("/session", &json!({ "name": "grace", "password": PASSWORD }), "data_scientist");
        server
    }

    /// Starts the desk; nobody has signed in.
    pub fn spawn(folder: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_endcap"))
            .args(["serve", &folder.display().to_string(), "--listen", "127.0.0.1:0", "--log-json"])
            .args(more)
            .env("ENDCAP_LOG", "trace")
            .env("NO_PROXY", "127.0.0.1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let said = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Endcap is at")).unwrap();
        let address = said.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { process, address, token: String::new(), log }
    }

    /// Signs in and goes on with a token of a role; returns the session's cookie.
    pub fn sign_in(&mut self, path: &str, given: &Value, role: &str) -> String {
        self.token.clear();
        let (status, head, me) = self.ask("POST", path, &given.to_string()).unwrap();
        assert_eq!(status, 201, "{me}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let wanted = json!({ "name": "test", "roles": [role], "days": 1 }).to_string();
        let csrf = me["csrf"].as_str().unwrap();
        let extra = format!("Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\nContent-Type: application/json\r\n");
        let (_, _, made) = self.send("POST", "/tokens", &extra, wanted.as_bytes()).unwrap();
        self.token = made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        cookie
    }

    /// The header that says who asks.
    pub fn authorization(&self) -> String {
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token)
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String, Value)> {
        let headers =
            if self.token.is_empty() { "Content-Type: application/json\r\n".to_owned() } else { self.authorization() };
        self.send(method, path, &headers, body.as_bytes())
    }

    /// One request on a connection of its own; status, headers and the body as JSON.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, String, Value)> {
        let mut stream = TcpStream::connect(&self.address)?;
        let length = body.len();
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n",
            self.address
        )?;
        stream.write_all(body)?;
        let mut answer = vec![];
        stream.read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok((status, head.to_owned(), serde_json::from_str(body).unwrap_or_default()))
    }

    /// Stops as a service manager does: what is under way ends first.
    #[cfg(feature = "otel")]
    pub fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    /// Most memory that the desk has held, in MB.
    fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap() / 1000.0
    }

    fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A project with one day of sales and an account.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("endcap.toml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("till.csv"), "sku,place,period,units\n0,0,2023-01-01,1\n").unwrap();
    account(folder.path(), "grace", "data_scientist");
    assert_eq!(run(&["ingest", &folder.path().display().to_string()]).2, 0);
    folder
}

fn account(folder: &Path, name: &str, role: &str) {
    let args = ["account", "add", name, "--role", role, &folder.display().to_string()];
    endcap().args(args).write_stdin(PASSWORD).assert().success();
}

/// Rows of sales that `endcap ingest` finds.
fn loaded(folder: &Path) -> u64 {
    let (told, _, status) = run(&["ingest", &folder.display().to_string(), "--json"]);
    assert_eq!(status, 0);
    serde_json::from_str::<Value>(&told).unwrap()["loaded"].as_u64().unwrap()
}

#[test]
fn a_kill_in_the_middle_of_an_import_leaves_all_of_it_or_nothing() {
    let shop = shop();
    let rows = 120_000;
    let mut known = 1;
    for (round, wait) in [0, 60, 150, 300, 600, 1200].into_iter().enumerate() {
        let server = Server::start(shop.path());
        let mut file = String::from("sku,place,period,units\n");
        for row in 0..rows {
            let (sku, place, month, day) = (row % 40, row / 40 % 10, row / 11_200 + 1, row / 400 % 28 + 1);
            file += &format!("{sku},{place},20{:02}-{month:02}-{day:02},{}\n", 10 + round, row % 7);
        }
        let bearer = server.authorization();
        let (status, _, sent) = server.send("POST", "/imports/files?name=more.csv", &bearer, file.as_bytes()).unwrap();
        assert_eq!(status, 201, "{sent}");
        let wanted = json!({ "files": [{ "id": sent["id"] }] }).to_string();
        let (status, _, run) = server.ask("POST", "/imports", &wanted).unwrap();
        assert_eq!(status, 202, "{run}");
        thread::sleep(Duration::from_millis(wait));
        server.kill();
        let server = Server::start(shop.path());
        let (_, _, imports) = server.ask("GET", "/imports", "").unwrap();
        let imported = imports.as_array().unwrap().len();
        let (_, _, waiting) = server.ask("GET", "/imports/waiting", "").unwrap();
        server.kill();
        let now = loaded(shop.path());
        let (new, distinct) = (now - known, now - known == 0 || now - known >= 100_000);
        println!("killed after {wait} ms: {new} rows more, {imported} imports");
        assert!(distinct, "half an import: {new} rows");
        assert_eq!(waiting["files"].as_array().unwrap().is_empty(), new > 0, "what is not in still waits");
        if new == 0 {
            let (id, server) = (sent["id"].as_str().unwrap().to_owned(), Server::start(shop.path()));
            assert_eq!(server.ask("DELETE", &format!("/imports/files/{id}"), "").unwrap().0, 204);
            server.kill();
        }
        known = now;
    }
}

/// Ids of sales that a server has acknowledged.
fn acknowledged(server: &Server, writer: usize, stop: &AtomicBool, done: &Mutex<Vec<String>>) {
    for batch in 0.. {
        let ids: Vec<String> = (0..50).map(|at| format!("{writer}-{batch}-{at}")).collect();
        let sale = |id: &String| json!({ "id": id, "sku": "1", "place": "1", "period": "2023-05-01", "units": 1 });
        let body = Value::from(ids.iter().map(sale).collect::<Vec<_>>()).to_string();
        let Ok((200, ..)) = server.ask("POST", "/sales", &body) else { return };
        done.lock().unwrap().extend(ids);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn a_backup_under_writes_comes_back_with_all_that_was_acknowledged_before_it() {
    let (shop, elsewhere) = (shop(), tempfile::tempdir().unwrap());
    let text = |path: &Path| path.display().to_string();
    let (backups, back) = (elsewhere.path().join("backups"), elsewhere.path().join("shop"));
    let (file, unpacked) = (elsewhere.path().join("shop.tar"), elsewhere.path().join("unpacked"));
    let server = Server::start(shop.path());
    let (stop, done) = (AtomicBool::new(false), Mutex::new(vec![]));
    let (before, made) = thread::scope(|scope| {
        for writer in 0..3 {
            let (server, stop, done) = (&server, &stop, &done);
            scope.spawn(move || acknowledged(server, writer, stop, done));
        }
        while done.lock().unwrap().len() < 1000 {
            thread::sleep(Duration::from_millis(10));
        }
        let before = done.lock().unwrap().len();
        let made = [("--to", &backups), ("--file", &file)]
            .map(|(option, place)| run(&["backup", &text(shop.path()), option, &text(place), "--json"]));
        stop.store(true, Ordering::Relaxed);
        (before, made)
    });
    for (_, messages, status) in made {
        assert_eq!(status, 0, "{messages}");
    }
    server.kill();
    let after_crash = loaded(shop.path());
    assert_eq!(after_crash, 1 + done.lock().unwrap().len() as u64, "a kill loses nothing that was acknowledged");

    assert_eq!(run(&["restore", &text(&backups), "--check"]).2, 0);
    let refused = run(&["restore", &text(&backups), "--to", &text(shop.path())]);
    assert_eq!(refused.2, 2);
    assert!(refused.1.contains("--force"), "{}", refused.1);
    let objects: Vec<_> =
        std::fs::read_dir(backups.join("objects")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let largest = objects.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let whole = std::fs::read(largest).unwrap();
    std::fs::write(largest, &whole[..whole.len() - 1]).unwrap();
    let damaged = run(&["restore", &text(&backups), "--to", &text(&back)]);
    assert_eq!(damaged.2, 2);
    assert!(damaged.1.contains("records.db is damaged") && !back.exists(), "{}", damaged.1);
    std::fs::write(largest, &whole).unwrap();

    assert_eq!(run(&["restore", &text(&file), "--check"]).2, 0);
    let whole = std::fs::read(&file).unwrap();
    let cut = elsewhere.path().join("cut.tar");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let refused = run(&["restore", &text(&cut), "--to", &text(&unpacked)]);
    assert_eq!(refused.2, 2);
    assert!(refused.1.contains("cut.tar cannot be brought back: it is cut off") && !unpacked.exists(), "{}", refused.1);
    let twice = run(&["backup", &text(shop.path()), "--file", &text(&file)]);
    assert!(twice.2 == 2 && twice.1.contains("is there already"), "{}", twice.1);
    assert_eq!(std::fs::read(&file).unwrap(), whole, "a backup is never written over");

    for (from, to) in [(&backups, &back), (&file, &unpacked)] {
        let restored = run(&["restore", &text(from), "--to", &text(to)]);
        assert_eq!(restored.2, 0, "{}", restored.1);
        let sales = loaded(to);
        assert!(sales > before as u64, "{sales} of {before} before the backup");
        let server = Server::start(to);
        assert_eq!(server.ask("GET", "/session", "").unwrap().2["name"], "grace");
        server.kill();
    }
}

#[test]
fn every_line_of_the_log_is_json_and_has_the_number_of_its_request() {
    let shop = shop();
    let server = Server::start(shop.path());
    let (_, head, _) = server.ask("GET", "/imports/waiting", "").unwrap();
    let number = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned();
    let forged = "X-Request-Id: <script>\r\nAuthorization: Bearer endcap_forged\r\n";
    let (status, head, _) = server.send("GET", "/project", forged, b"").unwrap();
    assert!(status == 401 && !head.contains("<script>"), "{head}");
    thread::sleep(Duration::from_millis(100));
    let log = server.kill();
    let (whole, _) = log.rsplit_once('\n').unwrap();
    assert!(whole.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert!(log.contains(&number), "the request is in the log by its number");
}

/// Every file below a folder, read.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            ));
        }
    }
    found
}

#[test]
fn a_secret_given_in_any_way_is_in_no_log_store_backup_figure_or_answer() {
    let (shop, elsewhere) = (shop(), tempfile::tempdir().unwrap());
    account(shop.path(), "root", "admin");
    let mut server = Server::spawn(shop.path(), &[]);
    let cookie = server.sign_in("/session", &json!({ "name": "root", "password": PASSWORD }), "admin");
    let (token, json_only) = (server.token.clone(), "Content-Type: application/json\r\n");
    let twice = format!("{}Idempotency-Key: once\r\n", server.authorization());
    let bearer = |value: &str| format!("Authorization: Bearer {value}\r\n{json_only}");
    let mut answers = String::new();
    for (method, path, headers, body) in [
        ("POST", "/session", json_only, r#"{"name":"root","password":"canary wrong password"}"#),
        ("POST", "/session", json_only, r#"{"name":"root","password":"canary cut password"#),
        ("POST", "/session", json_only, r#"{"name":7,"password":"canary typed password"}"#),
        (
            "POST",
            "/session/first",
            json_only,
            r#"{"code":"canary code","name":"x","password":"canary first password"}"#,
        ),
        ("POST", "/accounts", &twice, r#"{"name":"eve","roles":["viewer"],"password":"canary new password"}"#),
        ("POST", "/accounts", &twice, r#"{"name":"eva","roles":"king","password":"canary refused password"}"#),
        ("PUT", "/accounts/eve/password", &twice, r#"{"new":"canary other password"}"#),
        ("PUT", "/accounts/root/password", &twice, r#"{"old":"canary old password","new":"canary own password"}"#),
        ("GET", "/project", &bearer("endcap_canary"), ""),
        ("GET", "/project", &format!("Cookie: endcap=canary-cookie\r\n{json_only}"), ""),
        ("GET", "/project", &format!("X-Request-Id: {token}\r\n{json_only}"), ""),
        ("GET", "/project?token=canary-query", &twice, ""),
        ("DELETE", "/tokens/7?token=canary-query", &twice, ""),
    ] {
        let (status, head, answer) = server.send(method, path, headers, body.as_bytes()).unwrap();
        assert_ne!(status, 500, "{method} {path}: {answer}");
        answers += &format!("{head}\n{answer}\n");
    }
    let mut metrics = TcpStream::connect(&server.address).unwrap();
    write!(metrics, "GET /metrics HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n").unwrap();
    metrics.read_to_string(&mut answers).unwrap();
    assert!(answers.contains("endcap_http_requests_total"), "{answers}");
    let (project, backups) = (shop.path().display().to_string(), elsewhere.path().display().to_string());
    assert_eq!(run(&["backup", &project, "--to", &backups]).2, 0);
    let mut places = [contents(shop.path()), contents(elsewhere.path())].concat();
    for of in [shop.path(), elsewhere.path()] {
        let of = of.display().to_string();
        assert!(places.iter().any(|(path, text)| path.starts_with(&of) && text.contains("grace")), "the store is read");
    }
    places.push(("the log".to_owned(), server.kill()));
    places.push(("the answers".to_owned(), answers));
    for secret in [PASSWORD, &token, cookie.split_once('=').unwrap().1, "canary"] {
        for (place, text) in &places {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn callers_that_never_say_what_they_want_are_let_go_and_others_are_served() {
    let shop = shop();
    let server = Server::start(shop.path());
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: desk\r\nX-Slow: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    assert_eq!(server.ask("GET", "/session", "").unwrap().0, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "others were served while the slow ones were held");
    for stream in &mut slow {
        let mut answer = vec![];
        // The end of the connection, in whichever form; a wait that runs out is neither.
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    assert_eq!(server.ask("GET", "/session", "").unwrap().0, 200);
    server.kill();
}

#[test]
fn a_file_beyond_the_limit_is_refused_and_never_held_in_memory() {
    let shop = shop();
    let mut server = Server::spawn(shop.path(), &["--upload-max", "60"]);
    server.sign_in("/session", &json!({ "name": "grace", "password": PASSWORD }), "data_scientist");
    let (before, chunk) = (server.peak(), vec![b'x'; 1_000_000]);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let headers = server.authorization();
    write!(
        stream,
        "POST /api/v1/imports/files?name=big.csv HTTP/1.1\r\nHost: desk\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    )
    .unwrap();
    for _ in 0..60 {
        write!(stream, "{:x}\r\n", chunk.len()).unwrap();
        stream.write_all(&chunk).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"1\r\nx\r\n").unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413 "), "{answer:?}");
    let grown = server.peak() - before;
    assert!(grown < 30.0, "{grown} MB more were held for 60 MB that were sent");
    let stated = "Content-Length: 2000000000\r\n";
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "POST /api/v1/imports/files?name=big.csv HTTP/1.1\r\nHost: desk\r\n{stated}{headers}\r\n").unwrap();
    let read = stream.read(&mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413 "), "refused before it is sent");
    assert_eq!(std::fs::read_dir(shop.path().join("imports/files")).unwrap().count(), 0);
    server.kill();
}

#[test]
fn a_kill_while_sales_are_packed_changes_no_fact_and_a_packed_sale_is_known() {
    let (shop, elsewhere) = (shop(), tempfile::tempdir().unwrap());
    let (server, done) = (Server::start(shop.path()), Mutex::new(vec![]));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| acknowledged(&server, 0, &stop, &done));
        while done.lock().unwrap().len() < 20_000 {
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.kill();
    let sales = loaded(shop.path());
    let facts = || contents(&shop.path().join("facts"));
    let before = facts();
    let project = shop.path().display().to_string();
    for wait in [20, 60, 120, 180, 250, 350, 500] {
        let mut packing = Command::new(env!("CARGO_BIN_EXE_endcap"))
            .args(["compact", &project])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(wait));
        let _ = packing.kill();
        packing.wait().unwrap();
        assert_eq!(loaded(shop.path()), sales, "killed after {wait} ms");
    }
    let (told, failed, status) = run(&["compact", &project, "--json"]);
    assert_eq!(status, 0, "{failed}");
    println!("{told}");
    assert_eq!(std::fs::read_dir(shop.path().join("records")).unwrap().count(), 1, "one pack, and nothing left over");
    assert_eq!((loaded(shop.path()), facts() == before), (sales, true));
    let backups = elsewhere.path().join("backups").display().to_string();
    let back = elsewhere.path().join("shop");
    assert_eq!(run(&["backup", &project, "--to", &backups]).2, 0);
    assert_eq!(run(&["restore", &backups, "--to", &back.display().to_string()]).2, 0);
    assert_eq!(loaded(&back), sales);
    let server = Server::start(&back);
    let again = json!([{ "id": "0-0-0", "sku": "1", "place": "1", "period": "2023-05-01", "units": 1 }]);
    assert_eq!(server.ask("POST", "/sales", &again.to_string()).unwrap().2["repeated"], 1);
    server.kill();
}
