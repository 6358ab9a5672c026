//! The APIs of other services: each dialect's whole flow, its faults in its own words, and that it is easily left out.

pub mod clients;
mod telegram;
pub mod twilio;
mod vonage;
