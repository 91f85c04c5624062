//! Google's promotions feed, read by Python's own XML parser. What Google makes of it is not tried: nobody else runs it.

use super::approved::{approved, intent};
use super::suite::World;
use super::suite::{CHANNEL, sends};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::{Action, Intent};
use endcap_govern::law::Reduction;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

struct Merchant(TempDir);

/// Prints each promotion of a feed as one line.
const READER: &str = "import sys, xml.etree.ElementTree as tree\n\
    g = '{http://base.google.com/ns/1.0}'\n\
    for item in tree.parse(sys.argv[1]).getroot().iter('item'):\n\
    \x20   print('|'.join(f'{part.tag.replace(g, \"\")}={part.text}' for part in item))\n";

impl Merchant {
    fn feed(&self) -> PathBuf {
        self.0.path().join("feed/promotions.xml")
    }

    fn promotions(&self) -> Vec<String> {
        let output = Command::new("python3").args(["-c", READER]).arg(self.feed()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

impl World for Merchant {
    fn outlet(&mut self, _: Option<SocketAddr>) -> Box<dyn Outlet> {
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"google_promotions\"\ncarries = [\"prices\"]\n\
             file = \"feed/promotions.xml\"\nplace = \"web\"\n"
        );
        fs::write(self.0.path().join(FILE_NAME), text).unwrap();
        open(self.0.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }

    fn mark(&self) -> &'static [u8] {
        b""
    }

    fn stop(&mut self) {}

    fn start(&mut self) {}

    fn state(&mut self) -> String {
        fs::read_to_string(self.feed()).unwrap_or_default()
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let promotions = self.promotions();
        let Some(promotion) = promotions.first() else { return Some(200) };
        let amount = promotion.rsplit_once("money_off_amount=").unwrap().1.strip_suffix(" EUR").unwrap();
        Some(200 - amount.replace('.', "").parse::<i64>().unwrap())
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("web", "milk & <cream>")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

fn offer(sku: &str, action: Action, generation: u64) -> Intent {
    let mut intent = intent(CHANNEL, "web", sku, action, generation);
    if intent.action.new_price().is_some() {
        intent.shown.reduction = Some(Reduction { reference: Some(200), ..Reduction::default() });
    }
    intent
}

#[test]
fn the_feed_has_every_offer_that_stands_and_no_other() {
    if Command::new("python3").arg("--version").output().is_err() {
        assert!(std::env::var_os("ENDCAP_PROGRAMS").is_none(), "Python 3 is not installed");
        eprintln!("SKIPPED: Python 3 is not installed, so Google's feed is not tried");
        return;
    }
    let mut merchant = Merchant(tempfile::tempdir().unwrap());
    fs::create_dir(merchant.feed().parent().unwrap()).unwrap();
    let name = || "o1".to_owned();
    let first = offer("milk & <cream>", Action::StartOffer { offer: name(), price: 150 }, 1);
    let mut outlet = merchant.outlet(None);
    let message = Message::of(&first, &outlet.promises());
    outlet.rehearse(&message, &first).unwrap();
    assert_eq!(outlet.read_back(&message, &first), Heard::Holds(None));
    assert!(!merchant.feed().exists(), "a rehearsal wrote something");
    sends(&mut merchant, outlet.as_mut(), &first);
    let told = merchant.promotions();
    assert!(told[0].contains("|item_id=milk & <cream>|") && told[0].contains("|offer_type=NO_CODE|"), "{told:?}");
    assert!(told[0].contains(&format!("|promotion_effective_dates={}/{}|", first.from, first.until.unwrap())));
    let before = merchant.state();
    assert!(matches!(outlet.send(&message, &approved(&first)), Heard::Acknowledged { .. }));
    assert_eq!(merchant.state(), before, "the same again");
    sends(
        &mut merchant,
        outlet.as_mut(),
        &offer("milk & <cream>", Action::ChangeOffer { offer: name(), price: 145 }, 2),
    );
    assert_eq!(outlet.send(&message, &approved(&first)), Heard::Older);
    let other = offer("butter", Action::StartOffer { offer: name(), price: 160 }, 1);
    let of_butter = Message::of(&other, &outlet.promises());
    assert!(matches!(outlet.send(&of_butter, &approved(&other)), Heard::Acknowledged { .. }));
    assert_eq!(merchant.promotions().len(), 2);
    let end = offer("butter", Action::EndOffer { offer: name(), price: 200 }, 2);
    let of_end = Message::of(&end, &outlet.promises());
    assert!(matches!(outlet.send(&of_end, &approved(&end)), Heard::Acknowledged { .. }));
    assert_eq!(merchant.promotions().len(), 1, "what is over is not told");
    fs::write(merchant.feed(), "<rss/>").unwrap();
    assert_eq!(outlet.read_back(&of_end, &end), Heard::Holds(None), "the feed is not what was written");
}

#[test]
fn an_offer_that_google_would_refuse_is_not_written() {
    let mut merchant = Merchant(tempfile::tempdir().unwrap());
    fs::create_dir(merchant.feed().parent().unwrap()).unwrap();
    let mut outlet = merchant.outlet(None);
    let silent = intent(CHANNEL, "web", "milk", Action::StartOffer { offer: "o1".into(), price: 150 }, 1);
    let forever = intent(CHANNEL, "web", "milk", Action::SetPrice { price: 190 }, 1);
    let elsewhere = intent(CHANNEL, "north", "milk", Action::SetPrice { price: 190 }, 1);
    for (intent, why) in
        [(silent, "announced reduction"), (forever, "offers alone"), (elsewhere, "'web' and not 'north'")]
    {
        let message = Message::of(&intent, &outlet.promises());
        let heard = outlet.send(&message, &approved(&intent));
        assert!(matches!(&heard, Heard::Refused { reason } if reason.contains(why)), "{heard:?}");
    }
    assert!(!merchant.feed().exists());
}
