//! `/v1/guard`: what it is told ([`lists`]), and what it decided and counts ([`decisions`]); scope `admin`.

pub mod decisions;
pub mod lists;
