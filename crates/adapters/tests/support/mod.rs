//! What tests of several programs share.
#![allow(dead_code, reason = "each program uses a part of it")]

pub mod project;
pub mod server;
