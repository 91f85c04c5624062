//! Vendure, a shop: base prices of variants, and offers as promotions with beginning and end.
//!
//! A promotion has no field for a key, so its description names subject and generation and is searched before one is made. An
//! offer's price is a percentage off the base price, which is all that the shop can express for one item; it is read back as what
//! that comes to, so that a base price that somebody changes shows.

use super::config::Place;
use super::http::{self, Http, Outcome};
use super::notice::short_name;
use super::secret;
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Held, Message, Promises, Wanted};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::{Extra, Extras};
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::{Action, Intent};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How long to wait when a question that changes nothing had no answer.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(2);

const LOGIN: &str = "mutation($user: String!, $password: String!) { login(username: $user, password: $password) \
    { __typename ... on ErrorResult { errorCode message } } }";

const LOOK: &str = "query($sku: String!, $subject: String!) { \
    activeChannel { defaultCurrencyCode pricesIncludeTax } \
    productVariants(options: {filter: {sku: {eq: $sku}}}) { items { id price } } \
    promotions(options: {filter: {description: {contains: $subject}}}) { items { \
    id enabled startsAt endsAt description actions { code args { name value } } } } }";

/// Promotions that are listed at once.
const LISTED_AT_ONCE: usize = 100;

const LIST: &str = "query($take: Int!, $skip: Int!) { \
    promotions(options: {filter: {enabled: {eq: true}}, sort: {id: ASC}, take: $take, skip: $skip}) { \
    items { id name description couponCode } } }";

const SET_PRICE: &str =
    "mutation($variants: [UpdateProductVariantInput!]!) { updateProductVariants(input: $variants) { id } }";

const CREATE: &str = "mutation($input: CreatePromotionInput!) { createPromotion(input: $input) \
    { __typename ... on Promotion { id } ... on ErrorResult { errorCode message } } }";

const UPDATE: &str = "mutation($input: UpdatePromotionInput!) { updatePromotion(input: $input) \
    { __typename ... on Promotion { id } ... on ErrorResult { errorCode message } } }";

const END: &str = "mutation($variants: [UpdateProductVariantInput!]!, $input: UpdatePromotionInput!) { \
    updateProductVariants(input: $variants) { id } \
    updatePromotion(input: $input) { __typename ... on Promotion { id } ... on ErrorResult { errorCode message } } }";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The admin API.
    url: String,
    login: Option<PathBuf>,
    /// The place that this shop is.
    place: String,
    #[serde(default = "english")]
    language: String,
}

fn english() -> String {
    "en".into()
}

struct Vendure {
    http: Http,
    url: Url,
    login: SecretText,
    place: String,
    language: String,
}

/// What the shop knows of an item and of the offer that a message is about.
struct Shelf {
    variant: String,
    base: i64,
    promotion: Option<Promotion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promotion {
    id: String,
    enabled: bool,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    description: String,
    actions: Vec<PromotionAction>,
}

#[derive(Deserialize)]
struct PromotionAction {
    args: Vec<Argument>,
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let url = http::address(&fields.url, |_| false)
        .map_err(|expected| place.wrong("url", format!("'{}'", fields.url), expected))?;
    let login = place
        .login(fields.login.as_deref())?
        .ok_or_else(|| place.wrong("login", "absent", "a file that holds user:password"))?;
    let http = Http::new(http::is_local(&url)).map_err(|problem| place.wrong("url", problem, "a working TLS"))?;
    Ok(Box::new(Vendure { http, url, login, place: fields.place, language: fields.language }))
}

impl Vendure {
    fn ask(&self, token: Option<&str>, query: &str, variables: &Value) -> Outcome {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = self.http.client().post(self.url.clone()).header("content-type", "application/json").body(body);
        self.http.ask(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// Asks what changes nothing: whatever goes wrong, nothing has happened.
    fn look(&self, token: Option<&str>, query: &str, variables: &Value) -> Result<(Value, Option<String>), Heard> {
        let answer = match self.ask(token, query, variables) {
            Outcome::Unreachable => return Err(Heard::Unreachable),
            Outcome::Silence => return Err(Heard::Busy { wait: ASK_AGAIN }),
            Outcome::Answered(answer) => answer,
        };
        if !answer.is_success() {
            return Err(match answer.refusal() {
                Heard::Silence => Heard::Busy { wait: ASK_AGAIN },
                heard => heard,
            });
        }
        let token = answer.headers.get("vendure-auth-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match problem(&body) {
            Some(Heard::Silence) => Err(Heard::Busy { wait: ASK_AGAIN }),
            Some(heard) => Err(heard),
            None => Ok((body["data"].clone(), token)),
        }
    }

    fn signed_in(&self) -> Result<String, Heard> {
        let (user, password) = secret::login(&self.login).unwrap_or_default();
        let (_, token) = self.look(None, LOGIN, &json!({ "user": user, "password": password }))?;
        let reason = "the shop gives no token: its tokenMethod has to name 'bearer'".to_owned();
        token.ok_or(Heard::Refused { reason })
    }

    fn shelf(&self, token: &str, message: &Message, intent: &Intent) -> Result<Shelf, Heard> {
        let refused = |reason: String| Heard::Refused { reason };
        if intent.place.as_str() != self.place {
            return Err(refused(format!("this shop is '{}' and not '{}'", self.place, intent.place)));
        }
        let subject = format!("{}-", short_name(message, 24));
        let variables = json!({ "sku": intent.sku, "subject": subject });
        let (data, _) = self.look(Some(token), LOOK, &variables)?;
        if data["activeChannel"]["defaultCurrencyCode"] != intent.currency.code() {
            return Err(refused(format!("the shop's currency is not {}", intent.currency.code())));
        }
        if data["activeChannel"]["pricesIncludeTax"] != true {
            return Err(refused("the shop's prices are without tax: set pricesIncludeTax for its channel".into()));
        }
        let variant = match data["productVariants"]["items"].as_array().map(Vec::as_slice) {
            Some([variant]) => variant,
            _ => return Err(refused(format!("the shop has not exactly one variant with sku '{}'", intent.sku))),
        };
        let (Some(id), Some(base)) = (variant["id"].as_str(), variant["price"].as_i64()) else {
            return Err(refused("the shop tells no price: check its version".into()));
        };
        let promotions: Vec<Promotion> = serde_json::from_value(data["promotions"]["items"].clone())
            .map_err(|error| refused(format!("the shop's promotions cannot be read ({error}): check its version")))?;
        let promotion = promotions.into_iter().max_by_key(Promotion::generation);
        Ok(Shelf { variant: id.to_owned(), base, promotion })
    }

    fn promotion(&self, message: &Message, intent: &Intent, shelf: &Shelf, price: i64) -> Value {
        let percent = (shelf.base - price) as f64 / shelf.base as f64 * 100.0;
        let action = json!({ "code": "products_percentage_discount", "arguments": [
            { "name": "discount", "value": percent.to_string() },
            { "name": "productVariantIds", "value": json!([shelf.variant]).to_string() },
        ] });
        // A promotion needs a condition; this one always holds.
        let condition = json!({ "code": "contains_products", "arguments": [
            { "name": "minimum", "value": "1" },
            { "name": "productVariantIds", "value": json!([shelf.variant]).to_string() },
        ] });
        json!({
            "enabled": true,
            "startsAt": intent.from.to_string(),
            "endsAt": intent.until.map(|until| until.to_string()),
            "conditions": [condition],
            "actions": [action],
            "translations": [self.named(message, intent)],
        })
    }

    fn named(&self, message: &Message, intent: &Intent) -> Value {
        let description = format!("{}-{}", short_name(message, 24), message.generation);
        json!({ "languageCode": self.language, "name": intent.action.offer(), "description": description })
    }

    /// The change that a message needs now.
    fn change(&self, message: &Message, intent: &Intent, shelf: &Shelf) -> Result<(&'static str, Value), Heard> {
        let price = |price: i64| json!([{ "id": shelf.variant, "price": price }]);
        match (&intent.action, &shelf.promotion) {
            (Action::StartOffer { price, .. } | Action::ChangeOffer { price, .. }, promotion) => {
                if *price > shelf.base {
                    let reason = format!("the offer is dearer than the shop's base price of {}", shelf.base);
                    return Err(Heard::Refused { reason });
                }
                let mut input = self.promotion(message, intent, shelf, *price);
                match promotion {
                    None => Ok((CREATE, json!({ "input": input }))),
                    Some(promotion) => {
                        input["id"] = json!(promotion.id);
                        Ok((UPDATE, json!({ "input": input })))
                    }
                }
            }
            (Action::EndOffer { price: base, .. }, Some(promotion)) => {
                let translation = self.named(message, intent);
                let input = json!({ "id": promotion.id, "enabled": false, "translations": [translation] });
                Ok((END, json!({ "variants": price(*base), "input": input })))
            }
            (Action::EndOffer { price: base, .. } | Action::SetPrice { price: base }, _) => {
                Ok((SET_PRICE, json!({ "variants": price(*base) })))
            }
            _ => Err(Heard::Refused { reason: "a shop takes prices alone".into() }),
        }
    }

    fn put(&self, message: &Message, intent: &Intent) -> Result<Heard, Heard> {
        let token = self.signed_in()?;
        let shelf = self.shelf(&token, message, intent)?;
        match shelf.promotion.as_ref().and_then(Promotion::generation) {
            Some(generation) if generation > message.generation => return Err(Heard::Older),
            Some(generation) if generation == message.generation => return Err(Heard::AlreadyThere),
            _ => {}
        }
        let (query, variables) = self.change(message, intent, &shelf)?;
        Ok(match self.ask(Some(&token), query, &variables) {
            Outcome::Unreachable => Heard::Unreachable,
            Outcome::Silence => Heard::Silence,
            Outcome::Answered(answer) if !answer.is_success() => answer.refusal(),
            Outcome::Answered(answer) => match serde_json::from_slice::<Value>(&answer.body) {
                Ok(body) => problem(&body).unwrap_or(Heard::Acknowledged { reference: shelf.variant }),
                Err(_) => Heard::Silence,
            },
        })
    }

    fn read(&self, token: &str, message: &Message, intent: &Intent) -> Result<Option<Held>, Heard> {
        let shelf = self.shelf(token, message, intent)?;
        let (price, from, until, generation) = match &shelf.promotion {
            Some(promotion) if promotion.enabled => {
                let Some(price) = promotion.price(shelf.base) else {
                    // Somebody made another kind of promotion of it, whose price only a cart tells.
                    let content = endcap_model::hash_json(&("another promotion", &promotion.description));
                    return Ok(Some(Held { generation: promotion.generation(), content, told: None }));
                };
                (price, promotion.starts_at, promotion.ends_at, promotion.generation())
            }
            // An offer that never was; the way back from it is reached.
            None if intent.action.new_price().is_some() && intent.action.offer().is_some() => return Ok(None),
            over => (shelf.base, Some(intent.from), None, over.as_ref().and_then(Promotion::generation)),
        };
        // The shop knows milliseconds.
        let same = |told: Timestamp, ours: Timestamp| told.as_millisecond() == ours.as_millisecond();
        let from = from.filter(|told| !same(*told, intent.from)).unwrap_or(intent.from);
        let until = match (until, intent.until) {
            (Some(told), Some(ours)) if same(told, ours) => Some(ours),
            (told, _) => told,
        };
        let (sku, place, currency) = (intent.sku.clone(), intent.place.clone(), intent.currency);
        Ok(Some(Held::of(generation, Wanted::Price { sku, place, price, currency, from, until })))
    }

    fn told(&self, token: &str, message: &Message, intent: &Intent) -> Heard {
        self.read(token, message, intent).map_or(Heard::Unread, Heard::Holds)
    }

    /// Promotions in force, without a code that shoppers must know, that nobody here decided.
    fn foreign(&self, token: &str, known: &BTreeSet<String>) -> Result<Vec<Extra>, Heard> {
        let (mut foreign, mut skip) = (vec![], 0);
        loop {
            let (data, _) = self.look(Some(token), LIST, &json!({ "take": LISTED_AT_ONCE, "skip": skip }))?;
            let items = data["promotions"]["items"].as_array().cloned().unwrap_or_default();
            skip += items.len();
            let last = items.len() < LISTED_AT_ONCE;
            let told = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
            let is_ours = |item: &Value| {
                told(item, "description").rsplit_once('-').is_some_and(|(subject, _)| known.contains(subject))
            };
            let code = |item: &Value| !told(item, "couponCode").is_empty();
            for item in items.iter().filter(|item| !code(item) && !is_ours(item)) {
                let name = format!("promotion {} '{}'", told(item, "id"), told(item, "name"));
                foreign.push(Extra { name: http::excerpt(name.as_bytes()), held: None, generation: None });
            }
            if last {
                return Ok(foreign);
            }
        }
    }
}

impl Promotion {
    fn generation(&self) -> Option<u64> {
        self.description.rsplit_once('-')?.1.parse().ok()
    }

    /// What an item costs by it.
    fn price(&self, base: i64) -> Option<i64> {
        let [action] = self.actions.as_slice() else { return None };
        let args = &action.args;
        let percent: f64 = args.iter().find(|argument| argument.name == "discount")?.value.parse().ok()?;
        Some((base as f64 * (1.0 - percent / 100.0)).round() as i64)
    }
}

/// What is wrong with an answer in the shop's own words; nothing where it is a yes.
fn problem(body: &Value) -> Option<Heard> {
    let told = |text: &Value| http::excerpt(text.as_str().unwrap_or("no reason given").as_bytes());
    if let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) {
        return Some(match error["extensions"]["code"].as_str() {
            // The server failed over it, and may have done half of it.
            None | Some("INTERNAL_SERVER_ERROR") => Heard::Silence,
            Some(_) => Heard::Refused { reason: told(&error["message"]) },
        });
    }
    let Some(data) = body["data"].as_object() else { return Some(Heard::Silence) };
    let refusal = data.values().find(|value| value["errorCode"].is_string())?;
    Some(Heard::Refused { reason: told(&refusal["message"]) })
}

impl Outlet for Vendure {
    fn promises(&self) -> Promises {
        Promises { reads_back: true, keeps_time: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        self.put(message, intent.get()).unwrap_or_else(|heard| heard)
    }

    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard {
        self.signed_in().map_or(Heard::Unread, |token| self.told(&token, message, intent))
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        let Ok(token) = self.signed_in() else { return asked.iter().map(|_| Heard::Unread).collect() };
        asked.iter().map(|(message, intent)| self.told(&token, message, intent)).collect()
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        let known = known.iter().map(|(message, _)| short_name(message, 24)).collect();
        let listed = self.signed_in().and_then(|token| self.foreign(&token, &known));
        listed.map_or(Extras::Unread, Extras::Found)
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        let tried = self
            .signed_in()
            .and_then(|token| self.shelf(&token, message, intent))
            .and_then(|shelf| self.change(message, intent, &shelf));
        tried.map(|_| ()).map_err(|heard| match heard {
            Heard::Refused { reason } => reason,
            _ => format!("{} does not answer: check the address", self.url),
        })
    }
}
