//! Traces as a collector gets them: a server on this machine that takes OTLP over HTTP and decodes it by itself.

use crate::desk::Server;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The trace that the caller is in, and its own span.
const CALLER: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");

/// A span as it came.
#[derive(Clone, Debug, Default)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    attributes: BTreeMap<String, String>,
}

/// A field of a protobuf message: a whole number, or bytes.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// The fields of a message with their numbers (protobuf encoding).
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, Field::Bytes(bytes[..length].to_vec())));
        bytes = &bytes[length..];
    }
    found
}

/// The messages in a field of a message.
fn below(bytes: &[u8], number: u64) -> Vec<Vec<u8>> {
    let message = |(at, field)| match field {
        Field::Bytes(bytes) if at == number => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(message).collect()
}

fn attribute(bytes: &[u8]) -> (String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let value = match fields(&below(bytes, 2)[0]).remove(0) {
        (1, Field::Bytes(of)) => text(of),
        (4, Field::Bytes(of)) => f64::from_le_bytes(of.try_into().unwrap()).to_string(),
        (_, Field::Number(of)) => of.to_string(),
        _ => panic!("another kind of value"),
    };
    (text(below(bytes, 1).remove(0)), value)
}

/// The spans of a request to the collector (opentelemetry/proto/trace/v1/trace.proto).
fn spans(request: &[u8]) -> Vec<Span> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let span = |bytes: Vec<u8>| {
        let mut span = Span::default();
        for (number, field) in fields(&bytes) {
            match (number, field) {
                (1, Field::Bytes(of)) => span.trace = hex(&of),
                (2, Field::Bytes(of)) => span.id = hex(&of),
                (4, Field::Bytes(of)) => span.parent = hex(&of),
                (5, Field::Bytes(of)) => span.name = String::from_utf8(of).unwrap(),
                (6, Field::Number(of)) => span.kind = of,
                (9, Field::Bytes(of)) => span.attributes.extend([attribute(&of)]),
                _ => {}
            }
        }
        span
    };
    let scopes = below(request, 1).into_iter().flat_map(|resource| below(&resource, 2));
    scopes.flat_map(|scope| below(&scope, 2)).map(span).collect()
}

/// Takes requests of one connection until it ends.
fn take(stream: TcpStream, found: &Mutex<Vec<Span>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        for line in head.to_ascii_lowercase().lines() {
            length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
        }
        assert!(head.starts_with("POST /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        found.lock().unwrap().extend(spans(&body));
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// A collector, and what it has got so far.
fn collector() -> (String, Arc<Mutex<Vec<Span>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, found) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<Span>>>::default());
    let kept = found.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = kept.clone();
            thread::spawn(move || take(stream, &kept));
        }
    });
    (address, found)
}

#[test]
fn a_request_goes_on_with_the_trace_of_its_caller_and_links_what_was_done_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (address, found) = collector();
    let mut server = Server::spawn(&folder.path().join("demo"), &["--demo", "--otlp", &address]);
    server.sign_in("/session/demo", &json!({ "role": "planner" }), "planner");
    while server.ask("GET", "/project", "").unwrap().2["state"] != "ready" {
        thread::sleep(Duration::from_millis(200));
    }
    let parent =
        format!("Traceparent: 00-{}-{}-01\r\nX-Request-Id: traced\r\n{}", CALLER.0, CALLER.1, server.authorization());
    let (status, head, board) = server.send("POST", "/boards", &parent, br#"{"name":"Easter"}"#).unwrap();
    assert_eq!(status, 201, "{board}");
    let told = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap().to_owned();
    server.sign_in("/session/demo", &json!({ "role": "data_scientist" }), "data_scientist");
    let sale = json!([{ "id": "1", "sku": "191", "place": "5", "period": "2024-06-26", "units": 1 }]).to_string();
    assert_eq!(server.ask("POST", "/sales", &sale).unwrap().0, 200);
    server.stop();

    let found = found.lock().unwrap().clone();
    let one =
        |name: &str| found.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {found:?}"));
    let made = one("POST /api/v1/boards");
    assert_eq!((made.trace.as_str(), made.parent.as_str(), made.kind), (CALLER.0, CALLER.1, 2));
    assert_eq!(told, format!("00-{}-{}-01", made.trace, made.id));
    assert_eq!(made.attributes["http.response.status_code"], "201");
    assert_eq!(made.attributes["number"], "traced");
    let drawn = one("draw");
    assert_eq!((&drawn.trace, &drawn.parent), (&made.trace, &made.id));
    assert_eq!(Some(drawn.attributes["board"].as_str()), board["id"].as_str());
    assert!(drawn.attributes["offers"].parse::<u64>().unwrap() > 0, "{drawn:?}");
    assert_eq!(drawn.attributes["snapshot"], one("load_project").attributes["snapshot"], "both name the same facts");
    let (ingest, sent) = (one("ingest"), one("POST /api/v1/sales"));
    assert_eq!((&ingest.trace, &ingest.parent), (&sent.trace, &sent.id));
    assert_eq!((ingest.attributes["kind"].as_str(), ingest.attributes["new"].as_str()), ("sales", "1"));
    assert_ne!(sent.trace, made.trace, "a request without a caller begins a trace");
}

#[test]
fn a_collector_that_is_not_there_costs_traces_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(folder.path(), &["--otlp", "http://127.0.0.1:9"]);
    assert_eq!(server.ask("GET", "/welcome", "").unwrap().0, 200);
    server.stop();
}
