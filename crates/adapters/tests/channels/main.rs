//! Every kind of channel passes one acceptance suite, against a program that others wrote and that answers for itself: what it
//! holds is read by a client that shares nothing with the outlet.
//!
//! `cargo xtask test` installs these programs. Where one is absent the test says so and is skipped; with `ENDCAP_PROGRAMS` set,
//! as there, it fails.

mod approved;
mod config;
mod feeds;
mod file_drop;
mod google;
#[path = "../acting/ground.rs"]
mod ground;
mod mail;
mod mqtt;
mod nats;
mod programs;
mod proxy;
mod sap;
mod sftp;
mod suite;
mod truth;
mod vendure;
mod webhook;
mod x12;
