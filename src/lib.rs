//! Pinroute proves that a visitor owns a phone number.
//!
//! A site asks [`api`] for a verification; people look at [`dashboard`]; both are faces on the server of [`web`]. [`gateway`] starts
//! it by the rules of [`verification`], keeps it in [`storage`] as one change, and only then answers and sends the code through [`channels`], on the next channel when the evidence says
//! so. What providers report comes in through [`inlets`]; what time brings about, through [`jobs`]. Each cent goes into
//! the [`ledger`] in the same change as its cause, and so does each message that tells a project of it ([`webhooks`]). The
//! modules stand in that order: what comes in, what is done, the rules (pure), what is kept, what goes out, when.

// in
pub mod web;

pub mod api;
pub mod dashboard;
pub mod inlets;

// do
pub mod gateway;

// rules: no I/O, no clock
pub mod abuse;
pub mod access;
pub mod ledger;
pub mod message;
pub mod reports;
pub mod verification;

// keep
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

// leaves that everyone may name
pub mod clock;
pub mod money;
pub mod secret;

// a leaf that reads configuration
pub mod reader;
