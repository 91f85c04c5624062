//! X12 against mock-edi, a supplier that refuses an order number or a control number that it knows.

use super::approved::{approved, intent};
use super::programs::{Program, ask, free_address, python};
use super::proxy::{Lost, Proxy};
use super::suite::{CHANNEL, World, accepts, sends};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use tempfile::TempDir;

struct Supplier {
    project: TempDir,
    program: Program,
    /// Where the outlet keeps its documents.
    folder: String,
}

impl Supplier {
    /// A supplier that ships in an hour: what was shipped can no longer be changed.
    fn new() -> Option<Self> {
        Self::that_ships_after("3600000")
    }

    fn that_ships_after(milliseconds: &str) -> Option<Self> {
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = python("mockedi")?;
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string(), "--seed", "42"]);
        command.arg("--db").arg(project.path().join("edi.db"));
        command.args(["--despatch-delay", milliseconds, "--invoice-delay", "3600000"]);
        Some(Self { program: Program::start(command, address), project, folder: "edi".into() })
    }

    fn orders(&self) -> Vec<Value> {
        let (status, body) = ask(self.program.address, "GET", "/_mock/orders?limit=1000", "", "");
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let list = body.as_array().or(body["orders"].as_array()).unwrap_or_else(|| panic!("{body}"));
        list.iter().filter(|order| order["partner"] == "ACME" && order["currency"] == "EUR").cloned().collect()
    }

    fn order(&self, number: &str) -> Value {
        serde_json::from_str(&ask(self.program.address, "GET", &format!("/_mock/orders/{number}"), "", "").1).unwrap()
    }

    fn behaves(&self, behaviour: &str) {
        let body = format!("{{\"behaviour\": \"{behaviour}\"}}");
        let (status, answer) = ask(self.program.address, "PATCH", "/_mock/partners/ACME", "", &body);
        assert_eq!(status, 200, "{answer}");
    }
}

impl World for Supplier {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let (to, mailbox) = (through.unwrap_or(self.program.address), self.program.address);
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"x12\"\ncarries = [\"orders\"]\nsend = \"http://{to}/edi\"\n\
             mailbox = \"http://{mailbox}/_mock/mailbox\"\nfolder = \"{}\"\nsender = \"ACME\"\nreceiver = \"MOCKEDI\"\n",
            self.folder
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"POST /edi"
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let orders = self.orders();
        let numbers: Vec<&str> = orders.iter().map(|order| order["po_number"].as_str().unwrap()).collect();
        let told = |number: &&str| {
            let order = self.order(number);
            let line = |line: &Value| format!("{} {} {}", line["sku"], line["quantity"], line["price"]);
            let lines: Vec<String> = order["lines"].as_array().unwrap().iter().map(line).collect();
            format!("{number} {lines:?}\n")
        };
        numbers.iter().map(told).collect()
    }

    fn held(&mut self, _: &Message, intent: &Intent) -> Option<i64> {
        let orders = self.orders();
        let of_item = |order: &&Value| {
            let order = self.order(order["po_number"].as_str().unwrap());
            order["lines"].as_array().unwrap().iter().any(|line| line["sku"] == intent.sku.as_str())
        };
        let ours: Vec<&Value> = orders.iter().filter(of_item).collect();
        assert_eq!(ours.len(), 1, "one order: {ours:?}");
        let order = self.order(ours[0]["po_number"].as_str().unwrap());
        assert_eq!(order["ship_to_id"], intent.place.as_str());
        let cost = cost_of(intent.sku.as_str());
        assert_eq!(order["lines"][0]["ordered_price"], format!("{}.{:02}", cost / 100, cost % 100));
        order["lines"][0]["confirmed"].as_str().unwrap().parse().ok()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "BRKT-050")
    }

    fn takes_orders(&self) -> bool {
        true
    }

    fn unit_cost(&self) -> i64 {
        cost_of(self.shelf().1)
    }
}

/// What the supplier asks for a piece: it answers an order at another price with its own.
fn cost_of(sku: &str) -> i64 {
    match sku {
        "BRKT-050" => 415,
        "CABLE-2M" => 395,
        _ => 890,
    }
}

fn order(sku: &str, pieces: i64, generation: u64) -> Intent {
    let order = Action::Order { supplier: "dairy co".into(), pieces, unit_cost: cost_of(sku) };
    intent(CHANNEL, "north", sku, order, generation)
}

#[test]
fn a_supplier_that_speaks_x12_is_accepted() {
    let Some(mut supplier) = Supplier::new() else { return };
    accepts(&mut supplier);
}

#[test]
fn an_order_number_that_is_taken_has_no_second_effect_even_when_we_have_forgotten_everything() {
    for (ships_after, expected) in [("0", "refused"), ("3600000", "restated")] {
        let Some(mut supplier) = Supplier::that_ships_after(ships_after) else { return };
        let intent = order("BRKT-050", 100, 1);
        let mut outlet = supplier.outlet(None);
        let message = sends(&mut supplier, outlet.as_mut(), &intent);
        let before = supplier.state();
        supplier.folder = "another".into();
        let mut outlet = supplier.outlet(None);
        // Control numbers follow the clock, which has to have moved on.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let heard = outlet.send(&message, &approved(&intent));
        match expected {
            "refused" => assert_eq!(heard, Heard::AlreadyThere),
            // This supplier takes the same order again for a restatement until it has shipped.
            _ => assert!(matches!(heard, Heard::Acknowledged { .. }), "{heard:?}"),
        }
        assert_eq!(supplier.state(), before, "{expected}");
    }
}

#[test]
fn a_control_number_that_is_taken_is_not_the_end() {
    let Some(mut supplier) = Supplier::new() else { return };
    let mut outlet = supplier.outlet(None);
    // The counter is ahead of the clock, so that it alone says what comes next.
    let path = supplier.project.path().join("edi/control");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "999000000").unwrap();
    sends(&mut supplier, outlet.as_mut(), &order("BRKT-050", 100, 1));
    fs::write(&path, "999000000").unwrap();
    let intent = order("CABLE-2M", 110, 1);
    let message = Message::of(&intent, &outlet.promises());
    let heard = outlet.send(&message, &approved(&intent));
    assert!(matches!(heard, Heard::Busy { .. }), "the number was used before: {heard:?}");
    assert!(!supplier.state().contains("CABLE-2M"));
    sends(&mut supplier, outlet.as_mut(), &intent);
}

#[test]
fn what_a_supplier_makes_of_an_order_is_read_as_it_is() {
    let Some(mut supplier) = Supplier::new() else { return };
    let mut read = |behaviour: &str, sku: &str| {
        supplier.behaves(behaviour);
        let intent = order(sku, 100, 1);
        let mut outlet = supplier.outlet(None);
        let message = Message::of(&intent, &outlet.promises());
        assert!(matches!(outlet.send(&message, &approved(&intent)), Heard::Acknowledged { .. }), "{behaviour}");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        (outlet.read_back(&message, &intent), message)
    };
    let (short, message) = read("short-ship", "BRKT-050");
    assert!(matches!(&short, Heard::Holds(Some(held)) if held.content != message.content), "{short:?}");
    let (rejected, _) = read("reject-all", "CABLE-2M");
    assert_eq!(rejected, Heard::Holds(None));
    let (silent, _) = read("no-ack", "GEAR-100");
    assert_eq!(silent, Heard::Unread, "it was taken and nobody has answered yet");
}

/// What befalls one attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    RequestLost,
    AnswerLost,
    NobodyThere,
}

/// Schedules at one supplier: it tells of no more than a thousand orders.
const SCHEDULES: u64 = 500;

#[test]
fn whatever_is_lost_and_repeated_there_is_one_order() {
    let wanted: u64 = std::env::var("ENDCAP_SCHEDULES").ok().map_or(120, |text| text.parse().unwrap());
    let (mut attempts, mut orders) = (0, 0);
    for first in (0..wanted).step_by(usize::try_from(SCHEDULES).unwrap()) {
        let Some(mut supplier) = Supplier::that_ships_after("0") else { return };
        let (address, mark) = (supplier.program.address, supplier.mark());
        let lines = [Lost::Request, Lost::Answer].map(|lost| Proxy::start(address, mark, lost));
        let (mut taken, mut perhaps) = (BTreeSet::new(), BTreeSet::new());
        for seed in first..wanted.min(first + SCHEDULES) {
            attempts += schedule(&mut supplier, &lines, seed, (&mut taken, &mut perhaps));
        }
        let mut there = BTreeSet::new();
        for order in supplier.orders() {
            let order = supplier.order(order["po_number"].as_str().unwrap());
            assert_eq!(order["lines"].as_array().unwrap().len(), 1, "{order:?}");
            assert_eq!(order["lines"][0]["quantity"], "100", "{order:?}");
            let place = order["ship_to_id"].as_str().unwrap().to_owned();
            assert!(there.insert(place), "a second order: {order:?}");
        }
        assert_eq!(taken.difference(&there).collect::<Vec<_>>(), [""; 0], "was acknowledged and is lost");
        assert!(there.iter().all(|place| taken.contains(place) || perhaps.contains(place)), "{there:?}, {taken:?}");
        orders += there.len();
    }
    eprintln!(
        "measured: R3 | {wanted} schedules, {attempts} attempts at mock-edi | {orders} orders, none twice, none lost"
    );
}

/// One order for a place of its own, tried again and again; returns how often.
fn schedule(
    supplier: &mut Supplier,
    lines: &[Proxy; 2],
    seed: u64,
    (taken, perhaps): (&mut BTreeSet<String>, &mut BTreeSet<String>),
) -> usize {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let (place, sku) = (format!("s{seed}"), ["BRKT-050", "CABLE-2M", "GEAR-100"][chance.random_range(0..3)]);
    let order = Action::Order { supplier: "dairy co".into(), pieces: 100, unit_cost: cost_of(sku) };
    let intent = intent(CHANNEL, &place, sku, order, 1);
    // Most are tried a few times, some very often.
    let tries = if chance.random_range(0..20) == 0 { chance.random_range(1..=50) } else { chance.random_range(1..=4) };
    for attempt in 0..tries {
        let fate = [Fate::Arrives, Fate::RequestLost, Fate::AnswerLost, Fate::NobodyThere][chance.random_range(0..4)];
        // A sender that forgot what it sent.
        if chance.random_range(0..10) == 0 {
            supplier.folder = format!("edi{seed}-{attempt}");
            let control = supplier.project.path().join(&supplier.folder).join("control");
            fs::create_dir(control.parent().unwrap()).unwrap();
            // Its clock gives it numbers that were not used before; here a hundred attempts take a second.
            fs::write(control, (900_000_000 + 5_000 * seed + 100 * attempt).to_string()).unwrap();
        }
        let mut outlet = supplier.outlet(match fate {
            Fate::Arrives => None,
            Fate::RequestLost => Some(lines[0].address),
            Fate::AnswerLost => Some(lines[1].address),
            Fate::NobodyThere => Some(free_address()),
        });
        let message = Message::of(&intent, &outlet.promises());
        let heard = outlet.send(&message, &approved(&intent));
        if fate == Fate::AnswerLost {
            perhaps.insert(place.clone());
        }
        if matches!(heard, Heard::Acknowledged { .. } | Heard::AlreadyThere) {
            assert!(fate == Fate::Arrives || taken.contains(&place), "seed {seed}: {fate:?} is {heard:?}");
            taken.insert(place.clone());
        }
    }
    usize::try_from(tries).unwrap()
}
