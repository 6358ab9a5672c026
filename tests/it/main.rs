//! Integration tests over HTTP: the real server on a free port, a separate database per test, both engines, and a
//! manual clock. Only the outside world is faked (`world`). Tests run background work explicitly and never sleep.
//!
//! Tests on Postgres need `PINROUTE_TEST_POSTGRES_URL` and `PINROUTE_TEST_REDIS_URL`, which `scripts/test` sets. To
//! add a test, write an `async fn name(stage: Stage)` and list it in its file's `on_both_engines!`.

#![cfg(test)]

mod browser;
mod person;
mod stage;
mod world;

mod alerts;
mod audit;
mod backup;
mod balances;
mod budgets;
mod check_config;
mod checks;
mod clients;
mod containers;
mod crash;
mod dashboard;
mod dashboard_guard;
mod dashboard_rules;
mod dialects;
mod doctor;
mod documentation;
mod examples;
mod faces;
mod faults;
mod guard;
mod health;
mod hearsay;
mod hooks;
mod inputs;
mod limits;
mod links;
mod metrics;
mod migrations;
mod once;
mod origins;
mod past;
mod personal;
mod program;
mod projects;
mod proxies;
mod replicas;
mod reports;
mod resends;
mod sandbox;
mod sandbox_page;
mod secrets;
mod seed;
mod shutdown;
mod sign_in;
mod sinks;
mod sms;
mod snapshots;
mod storage;
mod telegram;
mod traces;
mod twilio;
mod upgrade;
mod verifications;
mod webhooks;
