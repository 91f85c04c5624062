//! `[[feed]]` in `endcap.toml`: where facts come from by themselves.

use endcap_model::FactKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A source of facts that come by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSettings {
    /// Its name: letters, digits, `-` and `_`. Where it stands is kept under it: another name begins from the beginning.
    pub name: String,
    /// What kind of source it is: `folder`, `nats` or `kafka`.
    pub kind: FeedKind,
    /// What it carries: `sales` (when not given), `items`, `prices` or `stock`.
    #[serde(default = "sales")]
    pub carries: FactKind,
    /// For each of our fields the name that the messages give it, where that is another. What is not named is then left out;
    /// without this table a field that is not known sets its record aside.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Minutes of silence after which the feed is told to have stopped; never when not given.
    #[serde(default)]
    pub silent_after_minutes: Option<u32>,
    /// Days after the end of its period from which a sale is told to be late; never when not given. It counts all the same.
    #[serde(default)]
    pub late_after_days: Option<u32>,
    /// For a folder: where files are dropped, from the project's folder on.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// For a folder: whether a file waits for its manifest `NAME.sha256`, and must be what that says.
    #[serde(default)]
    pub manifest: bool,
    /// For nats: address of the server, `tls://host:port`, or `nats://` on this machine.
    #[serde(default)]
    pub url: Option<String>,
    /// For nats: the stream.
    #[serde(default)]
    pub stream: Option<String>,
    /// For nats: only messages under this subject; all of the stream when not given.
    #[serde(default)]
    pub subject: Option<String>,
    /// For kafka: servers to ask first, `host:port` with commas in between.
    #[serde(default)]
    pub brokers: Option<String>,
    /// For kafka: the topic; all of its partitions are read.
    #[serde(default)]
    pub topic: Option<String>,
    /// For kafka: whether to speak TLS. Needed for any broker that is not on this machine.
    #[serde(default)]
    pub tls: bool,
    /// For kafka with a login: `plain`, `scram-sha-256` or `scram-sha-512` (when not given).
    #[serde(default)]
    pub sasl: Option<Sasl>,
    /// For nats and kafka: a file of its owner alone with `user:password`, from the project's folder on.
    #[serde(default)]
    pub login: Option<PathBuf>,
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// Files that are dropped into a folder.
    Folder,
    /// A stream of NATS JetStream.
    Nats,
    /// A topic of a broker that speaks Kafka's protocol.
    Kafka,
}

/// How a password is shown to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sasl {
    /// As it is; over TLS only.
    #[serde(rename = "plain")]
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "scram-sha-256")]
    Sha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "scram-sha-512")]
    Sha512,
}

fn sales() -> FactKind {
    FactKind::Sales
}

/// Field, what was found, and what was expected.
type Wrong = (String, String, String);

impl FeedSettings {
    /// Checks that the fields fit each other.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        let wrong = |field: &str, found: &str, expected: &str| {
            Err((format!("feed '{}', {field}", self.name), found.to_owned(), expected.to_owned()))
        };
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
        };
        if !plain(&self.name, "-_") || self.name.len() > 64 {
            return wrong("name", &self.name, "1 to 64 letters, digits, '-' and '_'");
        }
        let carried = [FactKind::Sales, FactKind::Items, FactKind::Prices, FactKind::Stock];
        if !carried.contains(&self.carries) {
            return wrong("carries", self.carries.name(), "sales, items, prices or stock");
        }
        let known = |name: &str| name == "id" || name != "line" && self.carries.field(name).is_some();
        if let Some(unknown) = self.fields.keys().find(|name| !known(name)) {
            let names: Vec<&str> = self.carries.fields().iter().map(|field| field.name).collect();
            let expected = format!("one of id, {}", names.join(", "));
            return wrong(&format!("fields.{unknown}"), "unknown", &expected);
        }
        if self.silent_after_minutes == Some(0) {
            return wrong("silent_after_minutes", "0", "1 or more, or nothing for never");
        }
        let given = [
            ("folder", self.folder.is_some(), FeedKind::Folder, true),
            ("manifest", self.manifest, FeedKind::Folder, false),
            ("url", self.url.is_some(), FeedKind::Nats, true),
            ("stream", self.stream.is_some(), FeedKind::Nats, true),
            ("subject", self.subject.is_some(), FeedKind::Nats, false),
            ("brokers", self.brokers.is_some(), FeedKind::Kafka, true),
            ("topic", self.topic.is_some(), FeedKind::Kafka, true),
            ("tls", self.tls, FeedKind::Kafka, false),
            ("sasl", self.sasl.is_some(), FeedKind::Kafka, false),
        ];
        for (field, is_given, kind, needed) in given {
            if is_given && kind != self.kind {
                return wrong(field, "given", &format!("no {field}: it belongs to kind = \"{}\"", kind.name()));
            }
            if needed && !is_given && kind == self.kind {
                return wrong(field, "missing", &format!("its value, which kind = \"{}\" needs", kind.name()));
            }
        }
        if self.login.is_some() && self.kind == FeedKind::Folder {
            return wrong("login", "given", "no login: a folder has none");
        }
        self.check_where()
    }

    fn check_where(&self) -> Result<(), Wrong> {
        let wrong = |field: &str, found: &str, expected: &str| {
            Err((format!("feed '{}', {field}", self.name), found.to_owned(), expected.to_owned()))
        };
        if let Some(url) = &self.url {
            let local = ["nats://127.0.0.1:", "nats://localhost:", "nats://[::1]:"];
            if !url.starts_with("tls://") && !local.iter().any(|start| url.starts_with(start)) {
                return wrong("url", url, "tls://host:port, or nats:// on this machine");
            }
        }
        if let Some(stream) = &self.stream
            && (stream.is_empty() || stream.contains(['.', '*', '>', ' ', '/', '\\']))
        {
            return wrong("stream", stream, "the name of a stream, without dots, blanks and wildcards");
        }
        if let Some(brokers) = &self.brokers {
            let is_local = |broker: &str| {
                ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|start| broker.trim().starts_with(start))
            };
            if brokers.split(',').any(|broker| broker.trim().rsplit_once(':').is_none()) {
                return wrong("brokers", brokers, "host:port, with commas in between");
            }
            if !self.tls && !brokers.split(',').all(is_local) {
                return wrong("tls", "false", "tls = true for brokers that are not on this machine");
            }
            if self.sasl == Some(Sasl::Plain) && !self.tls {
                return wrong("sasl", "plain", "tls = true with it, or scram-sha-512");
            }
        }
        Ok(())
    }
}

impl FeedKind {
    /// How `endcap.toml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Nats => "nats",
            Self::Kafka => "kafka",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named_with_what_to_write() {
        for (text, expected) in [
            ("name = \"a\"\nkind = \"folder\"\nfolder = \"inbox\"", None),
            ("name = \"a b\"\nkind = \"folder\"\nfolder = \"inbox\"", Some("name")),
            ("name = \"a\"\nkind = \"folder\"", Some("folder is missing")),
            (
                "name = \"a\"\nkind = \"folder\"\nfolder = \"x\"\ntopic = \"y\"",
                Some("topic is given: expected no topic"),
            ),
            ("name = \"a\"\nkind = \"nats\"\nurl = \"nats://127.0.0.1:1\"\nstream = \"S\"", None),
            ("name = \"a\"\nkind = \"nats\"\nurl = \"nats://shop.example:1\"\nstream = \"S\"", Some("tls://host:port")),
            ("name = \"a\"\nkind = \"nats\"\nurl = \"tls://h:1\"\nstream = \"S.*\"", Some("name of a stream")),
            ("name = \"a\"\nkind = \"kafka\"\nbrokers = \"127.0.0.1:1\"\ntopic = \"t\"", None),
            ("name = \"a\"\nkind = \"kafka\"\nbrokers = \"b:1\"\ntopic = \"t\"", Some("tls = true")),
            ("name = \"a\"\nkind = \"kafka\"\nbrokers = \"b\"\ntopic = \"t\"\ntls = true", Some("host:port")),
            ("name = \"a\"\nkind = \"folder\"\nfolder = \"x\"\ncarries = \"events\"", Some("sales, items, prices or")),
            (
                "name = \"a\"\nkind = \"folder\"\nfolder = \"x\"\n[fields]\nprise = \"p\"",
                Some("fields.prise is unknown"),
            ),
            ("name = \"a\"\nkind = \"folder\"\nfolder = \"x\"\nsilent_after_minutes = 0", Some("1 or more")),
        ] {
            let settings: FeedSettings = toml::from_str(text).unwrap();
            let said =
                settings.check().err().map(|(field, found, wanted)| format!("{field} is {found}: expected {wanted}"));
            assert_eq!(said.is_some(), expected.is_some(), "{text}: {said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
        }
    }
}
