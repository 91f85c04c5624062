//! Mail to people who carry out what no system takes: one mail for each message, at most once.
//!
//! Mail promises nothing: a second one cannot be told from the first by whoever reads it, and none can be read back. So what is
//! sent without an answer stays a question to a person.

use super::config::Place;
use super::http::excerpt;
use super::notice::Notice;
use super::runtime::PATIENCE;
use super::secret;
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::gate::Intent;
use jiff::SignedDuration;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{SmtpTransport, Transport};
use serde::Deserialize;
use std::path::PathBuf;

/// How long to wait when the server says "not now".
const NOT_NOW: SignedDuration = SignedDuration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    host: String,
    port: u16,
    from: String,
    to: Vec<String>,
    login: Option<PathBuf>,
}

/// Mails to people.
struct Letters {
    transport: SmtpTransport,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    if fields.to.is_empty() {
        return Err(place.wrong("to", "empty", "who reads it"));
    }
    let mailbox = |field, text: &String| -> Result<Mailbox, AdapterError> {
        text.parse()
            .map_err(|_| place.wrong(field, format!("'{text}'"), "a mail address, with a name before it if you like"))
    };
    let from = mailbox("from", &fields.from)?;
    let to = fields.to.iter().map(|text| mailbox("to", text)).collect::<Result<_, _>>()?;
    // Whoever was first in this process chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let local = ["127.0.0.1", "::1", "localhost"].contains(&fields.host.as_str());
    let builder = if local {
        Ok(SmtpTransport::builder_dangerous(&fields.host))
    } else {
        SmtpTransport::starttls_relay(&fields.host)
    };
    let mut builder = builder.map_err(|error| place.wrong("host", error, "the name of a mail server"))?;
    let login = place.login(fields.login.as_deref())?;
    if let Some((user, password)) = login.as_ref().and_then(secret::login) {
        builder = builder.credentials(Credentials::new(user.to_owned(), password.to_owned()));
    }
    let transport = builder.port(fields.port).timeout(Some(PATIENCE)).build();
    Ok(Box::new(Letters { transport, from, to }))
}

impl Letters {
    fn mail(&self, message: &Message, intent: &Intent) -> Result<Mail, String> {
        let notice = Notice::of(message, intent);
        let mut text = String::from("Please carry this out and say so where you usually do.\n\n");
        for (name, value) in notice.fields() {
            text += &format!("{}: {value}\n", name.replace('_', " "));
        }
        let key = HeaderName::new_from_ascii_str("X-Endcap-Key");
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .subject(intent.describe())
            .message_id(Some(format!("<{}@{}>", message.key().short(), self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(key, message.key().to_string()));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.body(text).map_err(|error| format!("no mail can be made of it: {error}"))
    }
}

impl Outlet for Letters {
    fn promises(&self) -> Promises {
        Promises::default()
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let mail = match self.mail(message, intent.get()) {
            Ok(mail) => mail,
            Err(reason) => return Heard::Refused { reason },
        };
        // The greeting alone has no effect; what fails from here on is not known.
        if !self.transport.test_connection().unwrap_or(false) {
            return Heard::Unreachable;
        }
        match self.transport.send(&mail) {
            Ok(_) => Heard::Acknowledged { reference: message.key().short().to_owned() },
            Err(error) if error.is_permanent() => Heard::Refused { reason: excerpt(error.to_string().as_bytes()) },
            Err(error) if error.is_transient() => Heard::Busy { wait: NOT_NOW },
            Err(_) => Heard::Silence,
        }
    }

    fn read_back(&mut self, _: &Message, _: &Intent) -> Heard {
        Heard::Unread
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        self.mail(message, intent)?;
        match self.transport.test_connection() {
            Ok(true) => Ok(()),
            _ => Err("the mail server does not answer: check host, port and login".into()),
        }
    }
}
