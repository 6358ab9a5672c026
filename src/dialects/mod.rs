//! The APIs of other verification services, answered by this one: their clients work here when their address is changed.
//!
//! A dialect translates requests to the gateway's verbs and answers in the other service's words; it adds nothing, so limits, budgets, routes,
//! ledger and webhooks are the same. What it cannot say truthfully it leaves out. To add one: a folder with `OFFERED`, its `mod` line and
//! its place in [`ALL`]. Without these two lines it is gone.

mod offered;
mod telegram_gateway;
mod twilio_verify;
mod vonage_verify;

pub use offered::Offered;

#[rustfmt::skip]
pub const ALL: &[Offered] = &[
    telegram_gateway::OFFERED,
    twilio_verify::OFFERED,
    vonage_verify::OFFERED,
];
