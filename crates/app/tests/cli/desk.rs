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
use std::time::Duration;

const PASSWORD: &str = "a long enough secret";
const PROJECT: &str = "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n[[sales]]\nfiles = [\"till.csv\"]\n[sales.columns]\nsku = \"sku\"\nplace = \"place\"\nperiod = \"period\"\nunits = \"units\"\n";

/// The desk over a folder, in a process of its own.
struct Server {
    process: Child,
    address: String,
    token: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_endcap"))
            .args(["serve", &folder.display().to_string(), "--listen", "127.0.0.1:0", "--log-json"])
            .env("ENDCAP_LOG", "trace")
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
        let mut server = Self { process, address, token: String::new(), log };
        let given = json!({ "name": "grace", "password": PASSWORD });
        let (status, head, me) = server.ask("POST", "/session", &given.to_string()).unwrap();
        assert_eq!(status, 201, "{me}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let wanted = json!({ "name": "test", "roles": ["data_scientist"], "days": 1 }).to_string();
        let csrf = me["csrf"].as_str().unwrap();
        let extra = format!("Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\nContent-Type: application/json\r\n");
        let (_, _, made) = server.send("POST", "/tokens", &extra, wanted.as_bytes()).unwrap();
        server.token = made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        server
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String, Value)> {
        let authorization =
            if self.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", self.token) };
        self.send(method, path, &format!("{authorization}Content-Type: application/json\r\n"), body.as_bytes())
    }

    /// One request on a connection of its own; status, headers and the body as JSON.
    fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, String, Value)> {
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

    fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.log.lock().unwrap().clone()
    }
}

/// A project with one day of sales and an account.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("endcap.toml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("till.csv"), "sku,place,period,units\n0,0,2023-01-01,1\n").unwrap();
    account(folder.path());
    assert_eq!(run(&["ingest", &folder.path().display().to_string()]).2, 0);
    folder
}

fn account(folder: &Path) {
    let args = ["account", "add", "grace", "--role", "data_scientist", &folder.display().to_string()];
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
        let bearer = format!("Authorization: Bearer {}\r\n", server.token);
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
        let made = run(&["backup", &text(shop.path()), "--to", &text(&backups), "--json"]);
        stop.store(true, Ordering::Relaxed);
        (before, made)
    });
    assert_eq!(made.2, 0, "{}", made.1);
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

    assert_eq!(run(&["restore", &text(&backups), "--to", &text(&back)]).2, 0);
    let sales = loaded(&back);
    assert!(sales > before as u64, "{sales} of {before} before the backup");
    let server = Server::start(&back);
    assert_eq!(server.ask("GET", "/session", "").unwrap().2["name"], "grace");
    server.kill();
}

#[test]
fn no_secret_is_in_the_log_and_every_answer_has_the_number_of_its_request() {
    let shop = shop();
    let server = Server::start(shop.path());
    let wrong = json!({ "name": "grace", "password": "another long secret" }).to_string();
    assert_eq!(server.send("POST", "/session", "Content-Type: application/json\r\n", wrong.as_bytes()).unwrap().0, 401);
    let (_, head, _) = server.ask("GET", "/imports/waiting?token=query-secret", "").unwrap();
    let number = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned();
    let forged = "X-Request-Id: <script>\r\nAuthorization: Bearer endcap_forged_secret\r\n";
    let (status, head, _) = server.send("GET", "/project", forged, b"").unwrap();
    assert!(status == 401 && !head.contains("<script>"), "{head}");
    thread::sleep(Duration::from_millis(100));
    let token = server.token.clone();
    let log = server.kill();
    let (whole, _) = log.rsplit_once('\n').unwrap();
    assert!(whole.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert!(log.contains(&number), "the request is in the log by its number");
    for secret in [PASSWORD, "another long secret", &token, "query-secret", "endcap_forged_secret"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
