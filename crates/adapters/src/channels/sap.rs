//! Purchase orders in SAP over OData. The order has no field for our key, so the key goes into the text of its item and is
//! searched before anything is created: a text that is there is never created again.

use super::config::Place;
use super::http::{self, Answer, Http, Outcome};
use super::notice::{decimal, pieces, short_name};
use super::secret;
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Held, Message, Promises, Wanted};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use endcap_model::{Currency, Money};
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Digits of the subject in the item's text, which holds 40 characters.
const SUBJECT_DIGITS: usize = 18;

/// How long to wait when a question that changes nothing had no answer.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    login: Option<PathBuf>,
    company_code: String,
    purchasing_organization: String,
    purchasing_group: String,
    #[serde(default = "pieces_of_sap")]
    unit: String,
    /// Our suppliers, by SAP's number.
    suppliers: BTreeMap<String, String>,
    /// Our places, by SAP's plant.
    plants: BTreeMap<String, String>,
    /// Our items, by SAP's material where it has another number.
    #[serde(default)]
    materials: BTreeMap<String, String>,
}

fn pieces_of_sap() -> String {
    "PC".into()
}

/// Orders in SAP.
struct Sap {
    http: Http,
    service: Url,
    login: Option<SecretText>,
    fields: Fields,
}

/// An item of an order that carries our text.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    purchase_order: String,
    purchase_order_item: String,
    purchase_order_item_text: String,
    order_quantity: String,
    net_price_amount: String,
}

#[derive(Deserialize)]
struct Page {
    d: Results,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Item>,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let service = http::address(&format!("{}/", fields.url.trim_end_matches('/')), |_| false)
        .map_err(|expected| place.wrong("url", format!("'{}'", fields.url), expected))?;
    let login = place.login(fields.login.as_deref())?;
    let http = Http::new(http::is_local(&service)).map_err(|problem| place.wrong("url", problem, "a working TLS"))?;
    Ok(Box::new(Sap { http, service, login, fields }))
}

impl Sap {
    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.service.join(path).expect("Invariant: paths of the service are paths");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.client().request(method, url).header("accept", "application/json");
        match self.login.as_ref().and_then(secret::login) {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Items that carry the text of a message's subject.
    fn items(&self, message: &Message) -> Result<Vec<Item>, Heard> {
        let filter = format!("startswith(PurchaseOrderItemText,'{}-')", short_name(message, SUBJECT_DIGITS));
        let request = self.request(Method::GET, "A_PurchaseOrderItem", &[("$filter", &filter), ("$format", "json")]);
        match self.http.ask(request) {
            Outcome::Unreachable => Err(Heard::Unreachable),
            Outcome::Silence => Err(Heard::Busy { wait: ASK_AGAIN }),
            Outcome::Answered(answer) if answer.is_success() => {
                serde_json::from_slice::<Page>(&answer.body).map(|page| page.d.results).map_err(|error| {
                    Heard::Refused { reason: format!("orders cannot be searched ({error}): check the url") }
                })
            }
            Outcome::Answered(answer) => Err(asked_in_vain(answer.refusal())),
        }
    }

    /// The token that a change has to carry, with the session that it belongs to.
    fn token(&self) -> Result<(String, String), Heard> {
        let request = self.request(Method::GET, "A_PurchaseOrder", &[("$top", "1"), ("$format", "json")]);
        let answer = match self.http.ask(request.header("x-csrf-token", "Fetch")) {
            Outcome::Unreachable => return Err(Heard::Unreachable),
            Outcome::Silence => return Err(Heard::Busy { wait: ASK_AGAIN }),
            Outcome::Answered(answer) if answer.is_success() => answer,
            Outcome::Answered(answer) => return Err(asked_in_vain(answer.refusal())),
        };
        let token = answer.headers.get("x-csrf-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let session: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let reason = || Heard::Refused { reason: "SAP gave no token for changes: check the rights of its user".into() };
        Ok((token.ok_or_else(reason)?, session.join("; ")))
    }

    fn change(&self, method: Method, path: &str, body: &Value) -> Heard {
        let (token, session) = match self.token() {
            Ok(token) => token,
            Err(heard) => return heard,
        };
        let request = self
            .request(method, path, &[])
            .header("x-csrf-token", token)
            .header("cookie", session)
            .header("content-type", "application/json")
            .body(body.to_string());
        match self.http.ask(request) {
            Outcome::Unreachable => Heard::Unreachable,
            Outcome::Silence => Heard::Silence,
            Outcome::Answered(answer) if answer.is_success() => Heard::Acknowledged { reference: number_in(&answer) },
            // A token that ran out in between: nothing was changed, and the next attempt has another.
            Outcome::Answered(answer) if answer.status == 403 && answer.headers.contains_key("x-csrf-token") => {
                Heard::Busy { wait: ASK_AGAIN }
            }
            Outcome::Answered(answer) => answer.refusal(),
        }
    }

    /// The order as SAP takes it.
    fn order(&self, message: &Message, intent: &Intent) -> Result<Value, String> {
        let Wanted::Order { supplier, sku, place, pieces, unit_cost, currency } = Wanted::of(intent) else {
            return Err("SAP channels carry orders alone".into());
        };
        let known = |what, map: &BTreeMap<String, String>, ours: &str| {
            map.get(ours)
                .cloned()
                .ok_or_else(|| format!("SAP's number of {what} '{ours}' is not known: name it in channels.toml"))
        };
        let material = self.fields.materials.get(sku.as_str()).cloned().unwrap_or_else(|| sku.to_string());
        Ok(json!({
            "PurchaseOrderType": "NB",
            "CompanyCode": self.fields.company_code,
            "PurchasingOrganization": self.fields.purchasing_organization,
            "PurchasingGroup": self.fields.purchasing_group,
            "Supplier": known("supplier", &self.fields.suppliers, supplier.as_str())?,
            "DocumentCurrency": currency.code(),
            "to_PurchaseOrderItem": [{
                "PurchaseOrderItemText": text(message),
                "Material": material,
                "Plant": known("place", &self.fields.plants, place.as_str())?,
                "OrderQuantity": pieces.to_string(),
                "PurchaseOrderQuantityUnit": self.fields.unit,
                "NetPriceAmount": decimal(unit_cost, currency),
                "NetPriceQuantity": "1",
            }],
        }))
    }
}

/// A question had no effect, whatever became of it.
fn asked_in_vain(heard: Heard) -> Heard {
    match heard {
        Heard::Silence => Heard::Busy { wait: ASK_AGAIN },
        heard => heard,
    }
}

fn text(message: &Message) -> String {
    format!("{}-{}", short_name(message, SUBJECT_DIGITS), message.generation)
}

fn number_in(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["d"]["PurchaseOrder"].as_str().unwrap_or_default().to_owned()
}

impl Item {
    fn generation(&self) -> Option<u64> {
        self.purchase_order_item_text.split_once('-')?.1.parse().ok()
    }

    fn amounts(&self, currency: Currency) -> Option<(i64, i64)> {
        Some((pieces(&self.order_quantity)?, Money::parse(&self.net_price_amount, currency).ok()?.minor))
    }
}

/// What items hold together; two orders for one subject are told as their sum, which is not what anybody wanted.
fn held(items: &[Item], intent: &Intent) -> Option<Held> {
    let Wanted::Order { supplier, sku, place, currency, .. } = Wanted::of(intent) else { return None };
    let (mut sum, mut cost, mut generation) = (0, 0, None);
    for item in items {
        let (pieces, unit_cost) = item.amounts(currency)?;
        (sum, cost) = (sum + pieces, cost.max(unit_cost));
        generation = generation.max(item.generation());
    }
    let wanted = Wanted::Order { supplier, sku, place, pieces: sum, unit_cost: cost, currency };
    Some(Held::of(generation, wanted))
}

impl Outlet for Sap {
    fn promises(&self) -> Promises {
        Promises { reads_back: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let order = match self.order(message, intent.get()) {
            Ok(order) => order,
            Err(reason) => return Heard::Refused { reason },
        };
        let items = match self.items(message) {
            Ok(items) => items,
            Err(heard) => return heard,
        };
        let Some(item) = items.first() else { return self.change(Method::POST, "A_PurchaseOrder", &order) };
        match item.generation() {
            Some(generation) if generation > message.generation => Heard::Older,
            Some(generation) if generation == message.generation => Heard::AlreadyThere,
            _ => {
                let path = format!(
                    "A_PurchaseOrderItem(PurchaseOrder='{}',PurchaseOrderItem='{}')",
                    item.purchase_order, item.purchase_order_item
                );
                let line = &order["to_PurchaseOrderItem"][0];
                let change = json!({
                    "PurchaseOrderItemText": line["PurchaseOrderItemText"],
                    "OrderQuantity": line["OrderQuantity"],
                    "NetPriceAmount": line["NetPriceAmount"],
                });
                self.change(Method::PATCH, &path, &change)
            }
        }
    }

    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard {
        match self.items(message) {
            Ok(items) if items.is_empty() => Heard::Holds(None),
            Ok(items) => held(&items, intent).map_or(Heard::Unread, |held| Heard::Holds(Some(held))),
            Err(_) => Heard::Unread,
        }
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        self.order(message, intent)?;
        self.items(message).and_then(|_| self.token()).map(|_| ()).map_err(|heard| match heard {
            Heard::Refused { reason } => reason,
            _ => format!("{} does not answer: check the address", self.service),
        })
    }
}
