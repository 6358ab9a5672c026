//! Limits against abuse, as pure decisions; `shared_state` keeps the counters. To add a guard: a file here with its
//! rules.

pub mod limits;
pub mod lists;
pub mod network;
