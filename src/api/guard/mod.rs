//! `/v1/guard`: what operators tell it ([`lists`]), and what it decides and counts ([`decisions`]); scope `admin`.

pub mod decisions;
pub mod lists;
pub mod replays;
