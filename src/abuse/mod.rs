//! Limits and guards: they decide from figures that they are given. Where the figures are kept is `shared_state`'s matter.

pub mod limits;
pub mod network;
