//! Somebody else's policy: a process that reads observations and writes actions, one JSON value per line.
//!
//! It is not trusted: every action is checked on its own and set aside with a reason when it makes no sense, a process
//! that hangs, dies or talks nonsense is ended with its reason, and the world goes on without it. What it writes is in
//! docs/formats.md.

use crate::action::Fault;
use crate::asked::Asked;
use crate::{Actions, CellOrder, Observation, Policy, World, WorldSpec};
use endcap_model::{Depth, Mechanic, Offer, Period, Pieces, Place, Sku, Span, Support, Transfer};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Longest line that is read.
const LINE_MOST: u64 = 256 << 20;
/// Faults that are told per run; the rest is only counted.
const FAULTS_MOST: usize = 20;
/// What is kept of what a process says on standard error.
const SAID_MOST: usize = 400;

/// A policy that runs as a process, one per world.
pub struct ProcessPolicy<'a> {
    name: &'a str,
    command: &'a [String],
    folder: &'a Path,
    limit: Duration,
    spec: &'a WorldSpec,
    seed: u64,
    line: Option<Line>,
    faults: Vec<Fault>,
    more: usize,
    room: Asked,
}

/// A running process and the threads that talk to it, so that none of its pipes can block the world.
struct Line {
    child: Child,
    to: Sender<String>,
    from: Receiver<String>,
    said: Receiver<String>,
}

/// What a process is told of a cell once.
#[derive(Serialize)]
struct CellTold<'a> {
    sku: &'a Sku,
    place: &'a Place,
    region: &'a Place,
    group: &'a str,
    list_price: i64,
    unit_cost: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'a Sku>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'a str>,
}

/// The first line: what stays the same.
#[derive(Serialize)]
struct Told<'a> {
    policy: &'a str,
    periods: usize,
    lead_time_periods: usize,
    items: Vec<&'a Sku>,
    cells: Vec<CellTold<'a>>,
}

/// Every further line: what is seen before a period. Columns by cell.
#[derive(Serialize)]
struct Shown<'a> {
    period: String,
    on_hand: Vec<i64>,
    on_order: Vec<i64>,
    sold: Vec<i64>,
    paid: Vec<i64>,
    stocked_out: Vec<bool>,
    on_sale: Vec<f32>,
    rival_prices: &'a [f64],
}

/// An answer.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Answered {
    offers: Vec<OfferSaid>,
    orders: Vec<OrderSaid>,
    transfers: Vec<TransferSaid>,
    expected: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferSaid {
    sku: Sku,
    place: Place,
    depth: f64,
    #[serde(default)]
    feature: bool,
    #[serde(default)]
    display: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderSaid {
    cell: usize,
    pieces: i64,
    #[serde(default)]
    expedite: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferSaid {
    sku: Sku,
    from: Place,
    to: Place,
    pieces: i64,
}

impl<'a> ProcessPolicy<'a> {
    /// Takes note of a command; the process starts when it meets its world. Each answer has `seconds` to come.
    pub fn new(name: &'a str, command: &'a [String], folder: &'a Path, seconds: f64, spec: &'a WorldSpec) -> Self {
        let limit = Duration::from_secs_f64(seconds);
        let room = Asked::new(spec);
        Self { name, command, folder, limit, spec, seed: 0, line: None, faults: Vec::new(), more: 0, room }
    }

    fn fault(&mut self, period: Period, reason: String, ended: bool) {
        if self.faults.len() >= FAULTS_MOST && !ended {
            self.more += 1;
            return;
        }
        let period = self.spec.calendar().format(period);
        self.faults.push(Fault { policy: self.name.to_owned(), seed: self.seed, period, reason, ended });
    }

    /// Ends the process with a reason; it does nothing more in this world.
    fn end(&mut self, period: Period, reason: &str) {
        let said = self.line.take().map(Line::close).unwrap_or_default();
        let said = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
        self.fault(period, format!("{reason}; it does nothing more in this world{said}"), true);
    }

    fn start(&self) -> std::io::Result<Line> {
        let (program, arguments) = self.command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let mut stderr = child.stderr.take().ok_or_else(missing)?;
        let (to, lines_to_send) = channel::<String>();
        let (got, from) = channel();
        let (kept, said) = channel();
        thread::spawn(move || {
            lines_to_send.iter().all(|line| stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_ok())
        });
        thread::spawn(move || read_lines(BufReader::new(stdout), &got));
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // An error here only means that there is less to tell.
            let _ = stderr.read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            let start = text.char_indices().rev().nth(SAID_MOST).map_or(0, |(at, _)| at);
            let _ = kept.send(text[start..].trim().to_owned());
        });
        Ok(Line { child, to, from, said })
    }

    fn introduce(&self) -> String {
        let cells = self.spec.cells().iter().map(|cell| {
            let size = self.spec.size_of(&cell.sku);
            CellTold {
                sku: &cell.sku,
                place: &cell.place,
                region: &cell.region,
                group: cell.group.as_str(),
                list_price: cell.list_price,
                unit_cost: cell.unit_cost,
                style: size.map(|size| &size.style),
                size: size.map(|size| size.size.as_str()),
            }
        });
        line_of(&Told {
            policy: self.name,
            periods: self.spec.span().len(),
            lead_time_periods: self.spec.lead_time_periods(),
            items: self.spec.index.skus.iter().map(|(sku, _)| sku).collect(),
            cells: cells.collect(),
        })
    }

    fn show(&self, seen: &Observation) -> String {
        let cells = &seen.cells;
        line_of(&Shown {
            period: self.spec.calendar().format(seen.period),
            on_hand: cells.iter().map(|cell| cell.on_hand.0).collect(),
            on_order: cells.iter().map(|cell| cell.on_order.0).collect(),
            sold: cells.iter().map(|cell| cell.sold.0).collect(),
            paid: cells.iter().map(|cell| cell.paid).collect(),
            stocked_out: cells.iter().map(|cell| cell.stocked_out).collect(),
            on_sale: cells.iter().map(|cell| cell.on_sale).collect(),
            rival_prices: &seen.rival_prices,
        })
    }

    /// Waits for an answer, or says why there is none.
    fn ask(&mut self, question: String) -> Result<Answered, String> {
        let Some(line) = &mut self.line else { return Ok(Answered::default()) };
        // A process that no longer reads is found out below: it does not answer.
        let _ = line.to.send(question);
        match line.from.recv_timeout(self.limit) {
            Ok(answer) => serde_json::from_str(&answer).map_err(|error| {
                let start: String = answer.trim_end().chars().take(60).collect();
                format!("its answer is not what was expected ({error}): \"{start}\"")
            }),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {} seconds", self.limit.as_secs_f64())),
            Err(RecvTimeoutError::Disconnected) => {
                let status = line.child.wait().map_or("unknown".to_owned(), |status| status.to_string());
                Err(format!("the process ended ({status})"))
            }
        }
    }

    /// Keeps the actions that the world takes, and tells the others.
    fn sift(&mut self, seen: &Observation, answered: Answered) -> Actions {
        let mut kept = Actions::default();
        for said in answered.offers {
            let depth = Depth::from_share(said.depth);
            let Ok(depth) = depth else {
                let reason =
                    format!("offer of {} at {} with depth {}: expected 0 to below 1", said.sku, said.place, said.depth);
                self.fault(seen.period, reason, false);
                continue;
            };
            let offer = Offer {
                sku: said.sku,
                place: said.place,
                span: Span::of_length(seen.period, 1),
                mechanic: Mechanic::Tpr,
                depth,
                support: Support { feature: said.feature, display: said.display },
            };
            self.keep(seen, Actions { offers: vec![offer], ..Actions::default() }, &mut kept);
        }
        for OrderSaid { cell, pieces, expedite } in answered.orders {
            let order = CellOrder { cell, pieces, expedite };
            self.keep(seen, Actions { cell_orders: vec![order], ..Actions::default() }, &mut kept);
        }
        for said in answered.transfers {
            let (sku, from, to, quantity) = (said.sku, said.from, said.to, Pieces(said.pieces));
            let transfer = Transfer { sku, from, to, period: seen.period.plus(-1), quantity };
            self.keep(seen, Actions { transfers: vec![transfer], ..Actions::default() }, &mut kept);
        }
        self.keep(seen, Actions { expected: answered.expected, ..Actions::default() }, &mut kept);
        kept
    }

    fn keep(&mut self, seen: &Observation, one: Actions, kept: &mut Actions) {
        match self.room.read(self.spec, seen.period, &one) {
            Ok(()) => {
                kept.offers.extend(one.offers);
                kept.cell_orders.extend(one.cell_orders);
                kept.transfers.extend(one.transfers);
                kept.expected.extend(one.expected);
            }
            Err(refusal) => self.fault(seen.period, format!("{refusal} (set aside)"), false),
        }
    }
}

fn line_of(content: &impl Serialize) -> String {
    let mut line = serde_json::to_string(content).expect("Invariant: plain columns can be written as JSON");
    line.push('\n');
    line
}

/// Hands on whole lines until the end, or until a line is too long.
fn read_lines(mut from: impl BufRead, to: &Sender<String>) {
    loop {
        let mut line = Vec::new();
        match from.by_ref().take(LINE_MOST).read_until(b'\n', &mut line) {
            Ok(_) if line.last() == Some(&b'\n') => {}
            _ => return,
        }
        if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}

impl Line {
    /// Ends the process and returns the last that it said on standard error.
    fn close(mut self) -> String {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.to);
        self.said.recv_timeout(Duration::from_secs(1)).unwrap_or_default()
    }
}

impl Policy for ProcessPolicy<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn meet(&mut self, world: &World<'_>) {
        self.seed = world.seed;
        match self.start() {
            Ok(line) => {
                // A process that is gone already is found out when it is asked.
                let _ = line.to.send(self.introduce());
                self.line = Some(line);
            }
            Err(error) => {
                let reason = format!("{} cannot be started: {error}", self.command.join(" "));
                self.end(self.spec.span().start, &reason);
            }
        }
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        if self.line.is_none() {
            return Actions::default();
        }
        match self.ask(self.show(seen)) {
            Ok(answered) => self.sift(seen, answered),
            Err(reason) => {
                self.end(seen.period, &reason);
                Actions::default()
            }
        }
    }

    fn faults(&mut self) -> Vec<Fault> {
        if self.more > 0 {
            let reason = format!("{} more actions were set aside", std::mem::take(&mut self.more));
            let (policy, period) = (self.name.to_owned(), self.spec.calendar().format(self.spec.span().end.plus(-1)));
            self.faults.push(Fault { policy, seed: self.seed, period, reason, ended: false });
        }
        std::mem::take(&mut self.faults)
    }
}

impl Drop for ProcessPolicy<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.close();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::spec::tests::{spec_of, terms};
    use crate::{Trials, try_all};

    /// Runs a shell script as a policy in one world of six days and two items at two stores.
    fn run(script: &str, seconds: f64) -> Trials {
        let spec = spec_of(&[("a", "x"), ("a", "y"), ("b", "x")], 6);
        let terms = endcap_model::TwinTerms { worlds: 1, ..terms() };
        let command = ["sh", "-c", script].map(str::to_owned);
        let make = || -> Box<dyn Policy + '_> {
            Box::new(ProcessPolicy::new("theirs", &command, Path::new("."), seconds, &spec))
        };
        // Its world, its terms and its command live as long as the comparison.
        try_all(&spec, &terms, &[&make], &|_, _| {}).unwrap()
    }

    #[test]
    fn a_process_orders_and_promotes() {
        let answer = r#"{"orders":[{"cell":0,"pieces":30}],"offers":[{"sku":"a","place":"r","depth":0.2}]}"#;
        let trials = run(&format!("read told; while read seen; do echo '{answer}'; done"), 10.0);
        assert_eq!(trials.faults, []);
        let outcome = &trials.outcomes[0];
        assert!(outcome.sold > 20 && outcome.sold == outcome.sold_promoted, "{outcome:?}");
    }

    #[test]
    fn a_process_that_hangs_is_ended_with_its_reason_and_the_world_goes_on() {
        let trials = run("read told; read seen; echo '{}'; sleep 600", 0.2);
        assert_eq!(trials.outcomes.len(), 1);
        let [fault] = &trials.faults[..] else { panic!("{:?}", trials.faults) };
        assert!(fault.ended && fault.period == "2024-10-05", "{fault:?}");
        assert!(fault.reason.contains("no answer within 0.2 seconds"), "{fault:?}");
    }

    #[test]
    fn a_process_that_never_reads_blocks_nothing() {
        let trials = run("sleep 600", 0.2);
        assert!(trials.faults[0].ended && trials.outcomes.len() == 1);
    }

    #[test]
    fn a_process_that_dies_is_told_with_its_last_words() {
        let trials = run("read told; echo 'no licence' >&2; exit 3", 10.0);
        let reason = &trials.faults[0].reason;
        assert!(reason.contains("exit status: 3") && reason.contains("no licence"), "{reason}");
        let missing = run("exec /no/such/program", 10.0);
        assert!(missing.faults[0].ended, "{:?}", missing.faults);
    }

    #[test]
    fn lies_are_set_aside_one_by_one_and_the_rest_is_done() {
        let answer = r#"{"orders":[{"cell":0,"pieces":30},{"cell":77,"pieces":1},{"cell":1,"pieces":-5}],"offers":[{"sku":"zebra","place":"x","depth":0.1},{"sku":"a","place":"moon","depth":0.1},{"sku":"a","place":"x","depth":1.5}]}"#;
        let trials =
            run(&format!("read told; read seen; echo '{answer}'; while read seen; do echo '{{}}'; done"), 10.0);
        let reasons: Vec<&str> = trials.faults.iter().map(|fault| fault.reason.as_str()).collect();
        for (reason, said) in reasons.iter().zip(["zebra", "moon", "depth 1.5", "order.cell is 77", "-5 pieces"]) {
            assert!(reasons.iter().any(|reason| reason.contains(said)), "{said}: {reason}");
        }
        assert_eq!(reasons.len(), 5, "{reasons:?}");
        assert!(trials.faults.iter().all(|fault| !fault.ended));
        assert_eq!(trials.outcomes[0].supplied, 30);
    }

    #[test]
    fn nonsense_ends_a_process_and_is_quoted() {
        for nonsense in ["buy everything", r#"{"bribe": 5}"#, "[1, 2"] {
            let trials = run(&format!("read told; while read seen; do echo '{nonsense}'; done"), 10.0);
            let [fault] = &trials.faults[..] else { panic!("{:?}", trials.faults) };
            assert!(fault.ended && fault.reason.contains(nonsense), "{fault:?}");
        }
    }

    #[test]
    fn many_faults_are_counted_not_listed() {
        let orders = vec![r#"{"cell":9,"pieces":1}"#; 50].join(",");
        let answer = format!("{{\"orders\":[{orders}]}}");
        let trials = run(&format!("read told; while read seen; do echo '{answer}'; done"), 10.0);
        assert_eq!(trials.faults.len(), FAULTS_MOST + 1);
        assert!(trials.faults[FAULTS_MOST].reason.contains("280 more actions"), "{:?}", trials.faults.last());
    }
}
