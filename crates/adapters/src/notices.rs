//! `notices.toml`: from which money on people are told, who is told, and how: by mail, chat or webhook.
//!
//! A voice tries once and says what it heard, as channels do; whether to try again is for `endcap_agent::notices` to say.

use crate::channels::http::{self, Outcome, excerpt};
use crate::channels::runtime::PATIENCE;
use crate::channels::secret;
use crate::channels::webhook::{NoWay, signature, way_to};
use crate::{AdapterError, tables};
use endcap_agent::notices::{Judging, Quiet, Receiver, Severity, Telling};
use endcap_agent::outbox::Heard;
use endcap_govern::audit::SecretText;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{SmtpTransport, Transport};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The file in a project's folder.
pub const FILE_NAME: &str = "notices.toml";
/// Shortest key of a signature, in bytes.
const SHORTEST_KEY: usize = 16;
/// How long to wait when a mail server says "not now".
const NOT_NOW: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    judging: Judging,
    quiet: Vec<QuietFields>,
    desk: Option<String>,
    to: Vec<To>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuietFields {
    from: Time,
    until: Time,
    #[serde(default = "emergency")]
    except_from: Severity,
    time_zone: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    name: String,
    #[serde(default = "warning")]
    from: Severity,
    #[serde(default)]
    escalations: bool,
    #[serde(default = "most_per_hour")]
    most_per_hour: u32,
    #[serde(default = "digest_minutes")]
    digest_minutes: u32,
    mail: Option<MailFields>,
    chat: Option<ChatFields>,
    webhook: Option<WebhookFields>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailFields {
    host: String,
    port: u16,
    from: String,
    to: Vec<String>,
    login: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatFields {
    /// File that holds the address: whoever knows it may write there.
    url_file: PathBuf,
    #[serde(default)]
    allow: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFields {
    url: String,
    key_id: String,
    key_file: PathBuf,
    #[serde(default)]
    allow: Vec<IpAddr>,
    /// Whether the receiver takes the same `Idempotency-Key` once.
    #[serde(default)]
    knows_key: bool,
}

fn warning() -> Severity {
    Severity::Warning
}

fn emergency() -> Severity {
    Severity::Emergency
}

fn most_per_hour() -> u32 {
    10
}

fn digest_minutes() -> u32 {
    60
}

/// How notices are judged, and who is told.
pub struct Settings {
    /// From which money on something is how severe.
    pub judging: Judging,
    /// Times of the day without messages.
    pub quiet: Vec<Quiet>,
    /// The desk's address, for links.
    pub desk: Option<String>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    voices: Vec<Voice>,
}

/// A way to a receiver.
enum Voice {
    Mail { transport: SmtpTransport, from: Box<Mailbox>, to: Vec<Mailbox> },
    Chat { url: Url, allow: Vec<IpAddr> },
    Webhook { url: Url, key: (String, SecretText), allow: Vec<IpAddr>, knows_key: bool },
}

impl Settings {
    /// Reads the settings of a project; nobody is told where it has none. Nothing is sent and nobody is asked.
    ///
    /// # Errors
    /// [`AdapterError`] for the first thing that cannot be used.
    pub fn read(project: &Path) -> Result<Self, AdapterError> {
        let path = project.join(FILE_NAME);
        let file: File = if path.exists() { tables::read_toml(&path)? } else { File::default() };
        let place = Place { project, file: &path };
        let Judging { warning, critical, emergency, deviations, .. } = file.judging;
        if !(0 <= warning && warning <= critical && critical <= emergency && deviations > 0.0) {
            return Err(place.wrong(
                "judging",
                "other".to_owned(),
                "0 <= warning <= critical <= emergency, deviations above 0",
            ));
        }
        let quiet = file.quiet.into_iter().map(|quiet| place.quiet(quiet)).collect::<Result<_, _>>()?;
        let (mut receivers, mut voices, mut names) = (vec![], vec![], BTreeSet::new());
        for to in file.to {
            if to.name.trim().is_empty() || !names.insert(to.name.clone()) {
                return Err(place.wrong("to, name", format!("'{}'", to.name), "a name of its own for each"));
            }
            if to.most_per_hour == 0 || to.digest_minutes == 0 {
                return Err(place.wrong(
                    "to",
                    format!("0 in '{}'", to.name),
                    "most_per_hour and digest_minutes of 1 or more",
                ));
            }
            receivers.push(Receiver {
                name: to.name.clone(),
                from: to.from,
                escalations: to.escalations,
                most_per_hour: to.most_per_hour,
                digest_minutes: to.digest_minutes,
            });
            voices.push(place.voice(to)?);
        }
        Ok(Self { judging: file.judging, quiet, desk: file.desk, receivers, voices })
    }

    /// Tells something once; says what was heard, and whether the receiver takes the same telling only once.
    pub fn tell(&self, telling: &Telling) -> (Heard, bool) {
        let at = self.receivers.iter().position(|receiver| receiver.name == telling.receiver);
        match at.map(|at| &self.voices[at]) {
            Some(voice) => (voice.tell(telling), voice.knows_key()),
            None => (Heard::Refused { reason: format!("{FILE_NAME} names no '{}' any more", telling.receiver) }, false),
        }
    }

    /// Whether a receiver takes the same telling only once.
    pub fn knows_key(&self, receiver: &str) -> bool {
        let at = self.receivers.iter().position(|known| known.name == receiver);
        at.is_some_and(|at| self.voices[at].knows_key())
    }
}

struct Place<'a> {
    project: &'a Path,
    file: &'a Path,
}

impl Place<'_> {
    fn wrong(&self, field: &str, found: String, expected: &str) -> AdapterError {
        AdapterError::Configuration {
            path: self.file.to_owned(),
            field: field.to_owned(),
            found,
            expected: expected.to_owned(),
        }
    }

    fn quiet(&self, fields: QuietFields) -> Result<Quiet, AdapterError> {
        let zone = TimeZone::get(&fields.time_zone).map_err(|_| {
            self.wrong("quiet, time_zone", format!("'{}'", fields.time_zone), "an IANA name, such as Europe/Berlin")
        })?;
        Ok(Quiet { from: fields.from, until: fields.until, except_from: fields.except_from, zone })
    }

    fn voice(&self, to: To) -> Result<Voice, AdapterError> {
        match (to.mail, to.chat, to.webhook) {
            (Some(mail), None, None) => self.mail(mail),
            (None, Some(chat), None) => self.chat(chat),
            (None, None, Some(webhook)) => self.webhook(webhook),
            _ => Err(self.wrong("to", format!("'{}'", to.name), "one of [to.mail], [to.chat] and [to.webhook]")),
        }
    }

    fn address(&self, field: &str, given: &str, allow: &[IpAddr]) -> Result<Url, AdapterError> {
        let listed = |host: &str| host.parse().is_ok_and(|address: IpAddr| allow.contains(&address));
        http::address(given, listed).map_err(|expected| self.wrong(field, "something else".to_owned(), expected))
    }

    fn mail(&self, fields: MailFields) -> Result<Voice, AdapterError> {
        let mailbox = |text: &String| -> Result<Mailbox, AdapterError> {
            text.parse().map_err(|_| {
                self.wrong("to.mail", format!("'{text}'"), "a mail address, with a name before it if you like")
            })
        };
        if fields.to.is_empty() {
            return Err(self.wrong("to.mail, to", "empty".to_owned(), "who reads it"));
        }
        let to = fields.to.iter().map(mailbox).collect::<Result<_, _>>()?;
        // Whoever was first in this process chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let local = ["127.0.0.1", "::1", "localhost"].contains(&fields.host.as_str());
        let builder = if local {
            Ok(SmtpTransport::builder_dangerous(&fields.host))
        } else {
            SmtpTransport::starttls_relay(&fields.host)
        };
        let mut builder =
            builder.map_err(|error| self.wrong("to.mail, host", error.to_string(), "the name of a mail server"))?;
        if let Some(login) = &fields.login {
            let secret = secret::read(&self.project.join(login))?;
            let Some((user, password)) = secret::login(&secret) else {
                return Err(self.wrong(
                    "to.mail, login",
                    "a file of another form".to_owned(),
                    "a file that holds user:password",
                ));
            };
            builder = builder.credentials(Credentials::new(user.to_owned(), password.to_owned()));
        }
        let transport = builder.port(fields.port).timeout(Some(PATIENCE)).build();
        Ok(Voice::Mail { transport, from: Box::new(mailbox(&fields.from)?), to })
    }

    fn chat(&self, fields: ChatFields) -> Result<Voice, AdapterError> {
        let secret = secret::read(&self.project.join(&fields.url_file))?;
        let given = String::from_utf8_lossy(secret.expose()).into_owned();
        Ok(Voice::Chat { url: self.address("to.chat, url_file", &given, &fields.allow)?, allow: fields.allow })
    }

    fn webhook(&self, fields: WebhookFields) -> Result<Voice, AdapterError> {
        let key = secret::read(&self.project.join(&fields.key_file))?;
        if key.expose().len() < SHORTEST_KEY {
            return Err(self.wrong("to.webhook, key_file", "a short key".to_owned(), "16 bytes or more"));
        }
        let url = self.address("to.webhook, url", &fields.url, &fields.allow)?;
        Ok(Voice::Webhook { url, key: (fields.key_id, key), allow: fields.allow, knows_key: fields.knows_key })
    }
}

impl Voice {
    fn knows_key(&self) -> bool {
        matches!(self, Self::Webhook { knows_key: true, .. })
    }

    fn tell(&self, telling: &Telling) -> Heard {
        match self {
            Self::Mail { transport, from, to } => by_mail(transport, from, to, telling),
            Self::Chat { url, allow } => {
                let body =
                    json!({ "text": format!("*{}*\n{}", telling.subject, telling.text) }).to_string().into_bytes();
                posted(url, allow, body, |request| request)
            }
            Self::Webhook { url, key: (id, key), allow, .. } => {
                let body = event(telling);
                let time = Timestamp::now().as_second();
                let signed = format!("kid={id},v1={}", signature(key.expose(), time, &body));
                posted(url, allow, body, |request| {
                    let request = request.header("idempotency-key", &telling.key);
                    request.header("webhook-timestamp", time.to_string()).header("webhook-signature", &signed)
                })
            }
        }
    }
}

/// A CloudEvent, the same bytes at every try.
fn event(telling: &Telling) -> Vec<u8> {
    let event = json!({
        "specversion": "1.0",
        "id": telling.key,
        "source": "/endcap/notices",
        "type": "endcap.notice.v1",
        "datacontenttype": "application/json",
        "data": telling,
    });
    endcap_model::canonical_json(&event).into_bytes()
}

fn posted(
    url: &Url,
    allow: &[IpAddr],
    body: Vec<u8>,
    more: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Heard {
    let http = match way_to(url, allow) {
        Ok(http) => http,
        Err(NoWay::NotFound) => return Heard::Unreachable,
        Err(NoWay::Closed(reason)) => return Heard::Refused { reason },
    };
    let request = http.client().post(url.clone()).header("content-type", "application/json").body(body);
    match http.ask(more(request)) {
        Outcome::Unreachable => Heard::Unreachable,
        Outcome::Silence => Heard::Silence,
        Outcome::Answered(answer) if answer.is_success() => Heard::Acknowledged { reference: String::new() },
        Outcome::Answered(answer) if answer.status == 409 => Heard::AlreadyThere,
        Outcome::Answered(answer) => answer.refusal(),
    }
}

fn by_mail(transport: &SmtpTransport, from: &Mailbox, to: &[Mailbox], telling: &Telling) -> Heard {
    let key = HeaderName::new_from_ascii_str("X-Endcap-Key");
    let mut builder = Mail::builder()
        .from(from.clone())
        .subject(&telling.subject)
        .message_id(Some(format!("<{}@{}>", telling.key, from.email.domain())))
        .header(ContentType::TEXT_PLAIN)
        .raw_header(HeaderValue::new(key, telling.key.clone()));
    for to in to {
        builder = builder.to(to.clone());
    }
    let mail = match builder.body(telling.text.clone()) {
        Ok(mail) => mail,
        Err(error) => return Heard::Refused { reason: format!("no mail can be made of it: {error}") },
    };
    // The greeting alone has no effect; what fails from here on is not known.
    if !transport.test_connection().unwrap_or(false) {
        return Heard::Unreachable;
    }
    match transport.send(&mail) {
        Ok(_) => Heard::Acknowledged { reference: telling.key.clone() },
        Err(error) if error.is_permanent() => Heard::Refused { reason: excerpt(error.to_string().as_bytes()) },
        Err(error) if error.is_transient() => Heard::Busy { wait: NOT_NOW },
        Err(_) => Heard::Silence,
    }
}
