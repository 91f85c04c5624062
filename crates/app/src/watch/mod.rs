//! The loop that runs by itself: feeds bring facts on threads of their own, schedules load them and plan.

mod book;
mod facts;
mod intake;

pub use book::Book;
pub use facts::Known;
pub use intake::{Happened, Intake};
