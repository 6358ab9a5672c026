//! The database, SQLite or Postgres. The only module that uses SQL.
//!
//! A statement is written once, with `$1`; differences between the engines are an explicit `match`. `engine/` contains
//! the common parts: connections, opening, group commit and group reads. Verifications change only through
//! [`Db::commit`]. To add a table: a migration of the same name in both folders, a file here, and its functions in
//! `tests/it/storage/`, which runs each on both engines.

mod alarms;
mod alerts;
mod audit;
mod backlog;
mod balances;
mod budgets;
mod db;
mod decisions;
mod directory;
mod engine;
mod erasure;
mod error;
mod exchange;
mod guard_cells;
mod guard_lists;
mod guard_outcomes;
mod idempotency;
mod inspect;
mod integrations;
mod leases;
mod ledger;
mod of_number;
mod partitions;
mod past;
mod plan;
mod rates;
mod rebuild;
mod replays;
mod replicas;
mod report_hosts;
mod reseal;
mod restore;
mod reuse;
mod rewrite;
mod rollups;
mod sessions;
mod sinks;
mod spans;
mod store;
mod stored;
mod tallies;
mod trace_key;
mod users;
mod verifications;
mod webhook_deliveries;
mod webhooks;

pub use audit::{Act, AuditQuery};
pub use backlog::Backlog;
pub use balances::ReportedBalance;
pub use budgets::Use as BudgetUse;
pub use db::Db;
pub use decisions::{Decision, DecisionQuery, On};
pub use directory::{ApiKey, NewKey, Project};
pub use engine::change::{Change, CommitError, Lost};
pub use engine::open::{OpenError, Options};
pub use engine::postgres::{Pooler, Postgres, RoleSetting, RoleSettings};
pub use engine::{Engine, Location};
pub use erasure::Aged;
pub use error::StorageError;
pub use guard_outcomes::{Decided, DecidedIn, DecidedOn, MOST_RANGES, Outcomes};
pub use idempotency::{Claim, IdempotencyOp, Kept};
pub use inspect::{Inspection, ServerFacts};
pub use integrations::{Call, Integration};
pub use ledger::LedgerQuery;
pub use partitions::Kept as KeptByWeek;
pub use past::{HOT, Moved};
pub use plan::{Planned, Step, plan_migrations};
pub use rebuild::{Progress, RebuildError};
pub use replays::{ReplayState, StoredReplay};
pub use replicas::{ERASED, IN_THE_PAST, WITH_NETWORK, WITH_TRACE};
pub use report_hosts::HostLimit;
pub use restore::{Ended, begin_restore, copy_sqlite, end_restore, keep_servers_off};
pub use rewrite::{Chunk, Table};
pub use sessions::{Link, LinkKind, SessionTimes, SignedIn};
pub use sinks::Hold;
pub use store::Store;
pub use stored::{Lease, Write};
pub use users::{Changed, User};
pub use verifications::ListQuery;
pub use webhook_deliveries::{Delivery, DeliveryQuery, DeliveryState, Try};
pub use webhooks::Webhook;
