//! Channels: how messages reach the systems of others, each in its own words.
//!
//! An outlet tries once and says what it heard. "Certainly without effect" ([`Heard::Unreachable`], [`Heard::Busy`],
//! [`Heard::Refused`]) is said only where nothing was sent that could have an effect, or where the other side said so; all else
//! is [`Heard::Silence`], which the sender settles by reading back. Nothing here decides what to send, or whether to try again.
//!
//! Rules for all: times are short, no redirect is followed, answers are limited, secrets come from files of their owner alone and
//! appear in no text. Every kind passes the same acceptance suite (`tests/channels`) against a program that others wrote.
//!
//! [`Heard::Unreachable`]: endcap_agent::outbox::Heard::Unreachable
//! [`Heard::Busy`]: endcap_agent::outbox::Heard::Busy
//! [`Heard::Refused`]: endcap_agent::outbox::Heard::Refused
//! [`Heard::Silence`]: endcap_agent::outbox::Heard::Silence

mod carrier;
mod config;
mod drop;
mod folder;
mod google;
pub(crate) mod http;
mod mail;
mod mqtt;
mod nats;
mod notice;
pub(crate) mod runtime;
mod sap;
pub(crate) mod secret;
mod sftp;
mod vendure;
pub(crate) mod webhook;
mod x12;

pub use config::{Cargo, FILE_NAME, open};
pub use notice::Notice;
pub use webhook::signature;
