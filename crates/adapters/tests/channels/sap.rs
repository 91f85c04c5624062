//! SAP orders against mock-sap, which has no field for a key of ours.

use super::approved::{approved, intent};
use super::programs::{Program, ask, free_address, python};
use super::suite::{CHANNEL, World, accepts, sends};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use jiff::SignedDuration;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use tempfile::TempDir;

const SERVICE: &str = "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV";

struct Erp {
    project: TempDir,
    program: Program,
}

impl Erp {
    fn new() -> Option<Self> {
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = python("mocksap")?;
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.arg("--db").arg(project.path().join("sap.db"));
        Some(Self { program: Program::start(command, address), project })
    }

    /// Items of orders for the dairy's plant that we made, all of them.
    fn items(&self) -> Vec<Value> {
        let path = format!("{SERVICE}/A_PurchaseOrderItem?$format=json");
        let (status, body) = ask(self.program.address, "GET", &path, "", "");
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["d"]["results"].as_array().unwrap().clone()
    }
}

impl World for Erp {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let address = through.unwrap_or(self.program.address);
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"sap\"\ncarries = [\"orders\"]\nurl = \"http://{address}{SERVICE}\"\n\
             company_code = \"1710\"\npurchasing_organization = \"1710\"\npurchasing_group = \"001\"\n\
             suppliers = {{ \"dairy co\" = \"1000015\" }}\nplants = {{ north = \"1710\" }}\nmaterials = {{ milk = \"TG14\" }}\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"\"PurchaseOrderItemText\""
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let told = |item: &Value| {
            let fields = ["PurchaseOrder", "PurchaseOrderItemText", "Material", "OrderQuantity", "NetPriceAmount"];
            fields.map(|field| item[field].to_string()).join(" ") + "\n"
        };
        self.items().iter().map(told).collect()
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let items = self.items();
        let ours: Vec<&Value> =
            items.iter().filter(|item| item["Material"] == "TG14" && item["NetPriceAmount"] == "1.00").collect();
        assert_eq!(ours.len(), 1, "one order: {ours:?}");
        assert_eq!(ours[0]["Plant"], "1710");
        ours[0]["OrderQuantity"].as_str().unwrap().split('.').next().unwrap().parse().ok()
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk")
    }

    fn takes_orders(&self) -> bool {
        true
    }
}

fn order(sku: &str, place: &str, generation: u64) -> Intent {
    let order = Action::Order { supplier: "dairy co".into(), pieces: 100, unit_cost: 100 };
    intent(CHANNEL, place, sku, order, generation)
}

#[test]
fn an_erp_without_a_field_for_our_key_is_accepted() {
    let Some(mut erp) = Erp::new() else { return };
    accepts(&mut erp);
}

#[test]
fn an_order_that_was_made_twice_by_others_is_not_what_was_wanted() {
    let Some(mut erp) = Erp::new() else { return };
    let intent = order("milk", "north", 1);
    let mut outlet = erp.outlet(None);
    let message = sends(&mut erp, outlet.as_mut(), &intent);
    let address = erp.program.address;
    let item = erp.items().into_iter().find(|item| item["NetPriceAmount"] == "1.00").unwrap();
    let copy = serde_json::json!({"PurchaseOrderType": "NB", "CompanyCode": "1710", "Supplier": "1000015",
        "to_PurchaseOrderItem": [{"PurchaseOrderItemText": item["PurchaseOrderItemText"], "Material": "TG14", "Plant": "1710",
        "OrderQuantity": "100", "NetPriceAmount": "1.00"}]});
    let (status, _) = made_by_hand(address, &copy.to_string());
    assert_eq!(status, 201);
    let heard = outlet.read_back(&message, &intent);
    assert!(matches!(&heard, Heard::Holds(Some(held)) if held.content != message.content), "{heard:?}");
}

/// Creates an order as somebody else would: with a token of its own.
fn made_by_hand(address: SocketAddr, body: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {SERVICE}/A_PurchaseOrder?$top=1 HTTP/1.0\r\nx-csrf-token: Fetch\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let value = |name: &str| {
        let line =
            answer.lines().find(|line| line.to_lowercase().starts_with(name)).unwrap_or_else(|| panic!("{answer}"));
        line.split_once(": ").unwrap().1.split(';').next().unwrap().to_owned()
    };
    let headers = format!(
        "x-csrf-token: {}\r\ncookie: {}\r\ncontent-type: application/json\r\naccept: application/json\r\n",
        value("x-csrf-token"),
        value("set-cookie")
    );
    ask(address, "POST", &format!("{SERVICE}/A_PurchaseOrder"), &headers, body)
}

#[test]
fn faults_of_an_erp_are_told_as_what_they_are() {
    let Some(mut erp) = Erp::new() else { return };
    let before = erp.state();
    let mut outlet = erp.outlet(None);
    let mut heard = |intent: &Intent| {
        let message = Message::of(intent, &outlet.promises());
        outlet.send(&message, &approved(intent))
    };
    let unknown = heard(&order("milk", "south", 1));
    assert!(matches!(&unknown, Heard::Refused { reason } if reason.contains("'south'")), "{unknown:?}");
    let (status, body) = ask(
        erp.program.address,
        "POST",
        "/_mock/faults",
        "content-type: application/json\r\n",
        "{\"match\": \"A_PurchaseOrder\", \"method\": \"POST\", \"scenario\": \"csrf\"}",
    );
    assert!(status < 300, "{body}");
    let wait = SignedDuration::from_secs(2);
    assert_eq!(heard(&order("milk", "north", 1)), Heard::Busy { wait }, "a token that ran out had no effect");
    assert_eq!(erp.state(), before);
}
