//! The program as its users meet it: the real server on a free port, a database of its own for each test, on both engines,
//! and a clock that stands still. Only the outside world is faked (`world`). Background work is run by name; nothing sleeps.
//!
//! The Postgres half needs `PINROUTE_TEST_POSTGRES_URL` and `PINROUTE_TEST_REDIS_URL`, which `scripts/test` sets.

#![cfg(test)]

mod browser;
mod person;
mod stage;
mod world;

mod balances;
mod budgets;
mod checks;
mod crash;
mod dashboard;
mod dashboard_rules;
mod documentation;
mod faces;
mod faults;
mod limits;
mod once;
mod program;
mod projects;
mod replicas;
mod reports;
mod sandbox;
mod sandbox_page;
mod secrets;
mod seed;
mod sign_in;
mod sms;
mod snapshots;
mod storage;
mod telegram;
mod twilio;
mod verifications;
mod webhooks;
