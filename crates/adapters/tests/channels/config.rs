//! `channels.toml`: what cannot be used is told with file, channel and field.

use super::approved::{approved, intent};
use endcap_adapters::channels::{FILE_NAME, open};
use endcap_agent::outbox::{Heard, Message};
use endcap_govern::gate::Action;
use std::fs;

fn opened(text: &str) -> Result<Vec<String>, String> {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join(FILE_NAME), text).unwrap();
    let outlets = open(project.path()).map_err(|error| error.to_string())?;
    Ok(outlets.keys().map(ToString::to_string).collect())
}

fn drop_named(name: &str, more: &str) -> String {
    format!(
        "[[channel]]\nname = \"{name}\"\nkind = \"file_drop\"\ncarries = [\"prices\"]\nfolder = \"drop\"\nformat = \"csv\"\n{more}\n"
    )
}

#[test]
fn a_project_has_the_channels_that_it_names() {
    let none = tempfile::tempdir().unwrap();
    assert!(open(none.path()).unwrap().is_empty());
    assert_eq!(opened(&(drop_named("till", "") + &drop_named("shop", ""))), Ok(vec!["shop".into(), "till".into()]));
}

#[test]
fn what_cannot_be_used_is_told_with_channel_and_field() {
    let good = drop_named("till", "");
    let cases = [
        (drop_named("till", "foldr = \"x\""), ["channel 'till'", "foldr"]),
        (good.replace("folder = \"drop\"\n", ""), ["channel 'till'", "folder"]),
        (good.replace("csv", "xls"), ["channel 'till'", "xls"]),
        (good.replace("file_drop", "pigeon"), ["'pigeon'", "one of file_drop, x12"]),
        (good.replace("\"prices\"", "\"cakes\""), ["channel 'till'", "cakes"]),
        (good.replace("[\"prices\"]", "[]"), ["channel 'till', carries", "prices, orders or transfers"]),
        (good.replace("kind = \"file_drop\"\n", ""), ["channel 'till'", "kind"]),
        (drop_named("till", "") + &good, ["channel 'till' twice", "a name for each"]),
        ("[[chanel]]\nname = \"x\"\n".into(), ["channels.toml", "chanel"]),
        (
            "[[channel]]\nname = \"s\"\nkind = \"x12\"\ncarries = [\"prices\"]\n".into(),
            ["channel 's', carries is 'prices'", "of orders"],
        ),
        (
            "[[channel]]\nname = \"n\"\nkind = \"nats\"\ncarries = [\"prices\"]\nurl = \"nats://bus.example:4222\"\nbucket = \"b\"\n".into(),
            ["channel 'n', url", "tls://"],
        ),
    ];
    for (text, expected) in cases {
        let error = opened(&text).unwrap_err();
        for part in expected.into_iter().chain(["channels.toml"]) {
            assert!(error.contains(part), "{error:?} does not tell {part:?}");
        }
    }
}

#[test]
fn a_channel_carries_nothing_but_what_it_was_told_to() {
    let project = tempfile::tempdir().unwrap();
    fs::create_dir(project.path().join("drop")).unwrap();
    fs::write(project.path().join(FILE_NAME), drop_named("till", "")).unwrap();
    let mut outlet = open(project.path()).unwrap().remove(&"till".into()).unwrap();
    let order = Action::Order { supplier: "dairy co".into(), pieces: 100, unit_cost: 100 };
    let order = intent("till", "north", "milk", order, 1);
    let message = Message::of(&order, &outlet.promises());
    let heard = outlet.send(&message, &approved(&order));
    assert!(matches!(&heard, Heard::Refused { reason } if reason.contains("carries no orders")), "{heard:?}");
    assert!(outlet.rehearse(&message, &order).unwrap_err().contains("carries no orders"));
    let price = |price| intent("till", "north", "milk", Action::SetPrice { price }, 1);
    let others = Message::of(&price(210), &outlet.promises());
    let heard = outlet.send(&others, &approved(&price(190)));
    assert!(matches!(&heard, Heard::Refused { reason } if reason.contains("not about this intent")), "{heard:?}");
    assert!(fs::read_dir(project.path().join("drop")).unwrap().next().is_none(), "nothing was written");
}

#[test]
fn a_login_of_another_form_or_for_others_to_read_is_told_without_what_it_holds() {
    use std::os::unix::fs::PermissionsExt;
    let project = tempfile::tempdir().unwrap();
    let login = project.path().join("bus.login");
    let text = "[[channel]]\nname = \"bus\"\nkind = \"nats\"\ncarries = [\"prices\"]\nurl = \"tls://bus.example:4222\"\n\
                bucket = \"b\"\nlogin = \"bus.login\"\n";
    fs::write(project.path().join(FILE_NAME), text).unwrap();
    for (content, mode, expected) in [
        (None, 0o600, "bus.login"),
        (Some("swordfish"), 0o600, "channel 'bus', login"),
        (Some("endcap:swordfish"), 0o604, "mode 604"),
        (Some("\n"), 0o600, "is empty"),
    ] {
        if let Some(content) = content {
            fs::write(&login, content).unwrap();
            fs::set_permissions(&login, fs::Permissions::from_mode(mode)).unwrap();
        }
        let error = open(project.path()).err().unwrap().to_string();
        assert!(error.contains(expected) && !error.contains("swordfish"), "{error}");
    }
    fs::write(&login, "endcap:swordfish\n").unwrap();
    assert_eq!(open(project.path()).unwrap().len(), 1);
}
