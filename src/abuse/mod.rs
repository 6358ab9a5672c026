//! Rules against abuse, as pure decisions: limits, whose counters `shared_state` keeps, an operator's lists, and the guard against
//! SMS pumping, which decides from its own figures, live and in a back-test. To add one: a file here with its rules.

pub mod guard;
pub mod limits;
pub mod lists;
pub mod network;
