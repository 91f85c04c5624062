//! The loop: sense, plan, stress, approve, act. Live, shadow, backtest and twin run the same code; they differ only
//! in the ports that are plugged in, and nothing here branches on which one it is.

pub mod act;
pub mod acting;
pub mod analogues;
pub mod approve;
pub mod ask;
pub mod board;
pub mod deploy;
pub mod digest;
pub mod drill;
pub mod evidence;
pub mod ground;
pub mod halt;
pub mod jobs;
pub mod launch;
pub mod outbox;
pub mod pace;
pub mod plan;
pub mod policies;
pub mod ports;
pub mod quarantined;
pub mod readings;
pub mod reconcile;
pub mod revert;
pub mod review;
pub mod revise;
pub mod rollout;
pub mod run;
pub mod sandbox;
pub mod scribe;
pub mod send;
pub mod sense;
pub mod sizes;
pub mod standings;
pub mod step;
pub mod stress;
