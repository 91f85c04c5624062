//! A real shop: what is sent is what its cart charges.

use super::programs::{Program, ask, free_address, installed};
use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::Message;
use endcap_agent::ports::Outlet;
use endcap_govern::gate::Intent;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tempfile::TempDir;

const PASSWORD: &str = "a password of the test alone";

pub struct Shop {
    pub project: TempDir,
    pub program: Program,
}

impl Shop {
    pub fn new() -> Option<Self> {
        let folder = installed("vendure/node_modules/@vendure/core/package.json")?;
        let folder = folder.ancestors().nth(4).unwrap().to_owned();
        let (project, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = Command::new("node");
        command.current_dir(folder).arg("index.js").arg(address.port().to_string());
        command.arg(project.path().join("shop.db")).env("SHOP_PASSWORD", PASSWORD);
        let login = project.path().join("shop.login");
        fs::write(&login, format!("admin:{PASSWORD}\n")).unwrap();
        fs::set_permissions(&login, fs::Permissions::from_mode(0o600)).unwrap();
        let shop = Self { program: Program::start(command, address), project };
        shop.furnish();
        Some(shop)
    }

    /// Asks the shop; the answer without errors.
    pub fn ask(&self, api: &str, token: Option<&str>, query: &str, variables: Value) -> Value {
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let headers = format!("content-type: application/json\r\n{bearer}");
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, answer) = ask(self.program.address, "POST", &format!("/{api}"), &headers, &body);
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{status} {answer}"));
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].clone()
    }

    /// A session of its own: the token stands in a header.
    pub fn token(&self) -> String {
        use std::io::{Read, Write};
        let query = format!("mutation {{ login(username: \"admin\", password: \"{PASSWORD}\") {{ __typename }} }}");
        let body = json!({ "query": query }).to_string();
        let mut stream = std::net::TcpStream::connect(self.program.address).unwrap();
        write!(
            stream,
            "POST /admin-api HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let line =
            answer.lines().find(|line| line.starts_with("vendure-auth-token")).unwrap_or_else(|| panic!("{answer}"));
        line.split_once(": ").unwrap().1.trim().to_owned()
    }

    /// A shop in euros, with taxes in its prices, that sells milk for 2.00.
    fn furnish(&self) {
        let token = self.token();
        for mutation in [
            "createZone(input: {name: \"here\"}) { id }",
            "createTaxCategory(input: {name: \"plain\"}) { id }",
            "createTaxRate(input: {name: \"none\", enabled: true, value: 0, categoryId: \"1\", zoneId: \"1\"}) { id }",
            "updateChannel(input: {id: \"1\", defaultTaxZoneId: \"1\", defaultShippingZoneId: \"1\", defaultCurrencyCode: EUR, \
             availableCurrencyCodes: [EUR], pricesIncludeTax: true}) { __typename }",
            "createProduct(input: {translations: [{languageCode: en, name: \"Milk\", slug: \"milk\", description: \"\"}]}) { id }",
            "createProductVariants(input: [{productId: \"1\", sku: \"milk\", price: 200, stockOnHand: 1000, \
             trackInventory: FALSE, taxCategoryId: \"1\", translations: [{languageCode: en, name: \"Milk\"}]}]) { id }",
        ] {
            self.ask("admin-api", Some(&token), &format!("mutation {{ {mutation} }}"), json!({}));
        }
    }

    /// What three pieces cost in a new cart.
    fn charged(&self) -> i64 {
        self.charged_for("1")
    }

    /// What three pieces of a variant cost in a new cart.
    pub fn charged_for(&self, variant: &str) -> i64 {
        let query = "mutation($variant: ID!) { addItemToOrder(productVariantId: $variant, quantity: 3) { __typename \
                     ... on Order { totalWithTax } ... on ErrorResult { message } } }";
        let answer = self.ask("shop-api", None, query, json!({ "variant": variant }));
        answer["addItemToOrder"]["totalWithTax"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    }
}

impl World for Shop {
    fn outlet(&mut self, through: Option<SocketAddr>) -> Box<dyn Outlet> {
        let address = through.unwrap_or(self.program.address);
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"vendure\"\ncarries = [\"prices\"]\n\
             url = \"http://{address}/admin-api\"\nlogin = \"shop.login\"\nplace = \"web\"\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        Some(self.program.address)
    }

    fn mark(&self) -> &'static [u8] {
        b"Promotion(input: $input)"
    }

    fn stop(&mut self) {
        self.program.kill();
    }

    fn start(&mut self) {
        self.program.again();
    }

    fn state(&mut self) -> String {
        let query = "{ promotions { totalItems items { enabled startsAt endsAt description actions { args { value } } } } \
                     productVariants { items { price } } }";
        self.ask("admin-api", Some(&self.token()), query, json!({})).to_string()
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let charged = self.charged();
        assert_eq!(charged % 3, 0, "three pieces cost {charged}");
        Some(charged / 3)
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("web", "milk")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn a_shop_charges_in_its_cart_what_it_was_sent() {
    let Some(mut shop) = Shop::new() else { return };
    assert_eq!(shop.charged(), 600, "three pieces at the base price");
    accepts(&mut shop);
    assert_eq!(shop.charged(), 600, "the base price again");
}
