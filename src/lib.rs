//! Pinroute proves that a visitor owns a phone number.
//!
//! A site requests a verification through the [`api`], or in another service's words through the [`dialects`]; an identity server has its own
//! codes delivered through the [`inlets`], to which providers report; staff use the [`dashboard`].
//! These faces are built on [`web`], and none names another. The [`gateway`] applies the rules of [`verification`] and those
//! against abuse ([`abuse`]: limits, lists, the guard against SMS pumping), stores the result in [`storage`] as one change, and
//! only then answers and sends the code through [`channels`], on the next channel if the evidence calls for it; [`jobs`] runs
//! what becomes due. Each cost is booked in the [`ledger`] in the same change as its cause; so is each message to a project
//! ([`webhooks`]), and each entry of the [`audit`] log about what people change. The modules are listed in this order:
//! in, do, rules (pure), keep, out, when. `docs/architecture.md` has the picture and the invariants.

// in
pub mod web;

pub mod api;
pub mod dashboard;
pub mod dialects;
pub mod inlets;

// do
pub mod gateway;

// rules: no I/O, no clock
pub mod abuse;
pub mod access;
pub mod audit;
pub mod integrations;
pub mod ledger;
pub mod message;
pub mod reports;
pub mod verification;

// keep
pub mod ip_database;
pub mod shared_state;
pub mod storage;

// out
pub mod channels;
pub mod webhooks;

// when
pub mod jobs;

// the outside world, simulated
pub mod simulator;

// the program
pub mod app;
pub mod cli;
pub mod config;
pub mod telemetry;

// how figures are written in a language
pub mod locale;

// leaves that every module may use
pub mod clock;
pub mod json;
pub mod money;
pub mod secret;
pub mod trace;

// a leaf that reads configuration
pub mod reader;
