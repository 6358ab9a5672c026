//! The gateway carries out what the rules decide, in rooms: [`verify`] runs verifications, [`finance`] tracks their
//! costs, [`notices`] sends webhooks, [`admin`] manages projects, keys and users. Each room has its own state; all use
//! [`core`].
//!
//! A room names only those before it: error ← shared ← core ← notices ← finance ← admin, verify. To add a room: a
//! folder, a field in [`handle`], and its row in `tests/architecture.rs`.

mod admin;
mod core;
mod error;
mod finance;
mod handle;
mod notices;
mod shared;
mod upkeep;
mod verify;

pub use admin::{
    Admin, BudgetError, EntryFault, EntryRequest, IntegrationChange, IntegrationRequest,
    Invitation, KeyRequest, LONGEST_KEY_DAYS, LONGEST_KEY_NAME, LONGEST_PASSWORD, LinkFault,
    NewBudget, NewLink, ProjectError, SANDBOX_OWNER, SHORTEST_PASSWORD, Session, SignInError,
    UserFault, Users, Weak, begin_counters, change_policy_of, check_name, check_password, key_name,
    new_secret, prepare_budgets, read_email,
};
pub use core::Settings;
pub use error::Error;
pub use finance::{
    Account, AccountMonth, Balance, BookError, BudgetState, Finance, LedgerBalance, LedgerSum,
    NewEntry, RateFault, RateProblem, ReportFault, ReportKind, Unsettled, ledger_balances, report,
};
pub use handle::{Gateway, Outbound};
pub use notices::{Notices, WebhookRequest};
pub use shared::{
    Access, Begun, Credentials, DIRECTORY_AGE, Dialect, Directory, Due, Idempotency, Kept, Live,
    PolicyBook, PolicyFault, Progress, Reached, Removed, Replay, Reports, Retention, SiteReport,
    Ticket, ToReport, erase_due, parsed as parsed_overrides, remove,
};
pub use verify::{
    Checked, Erased, FullCell, GuardOutcomes, KeptOfNumber, Known, LEASE, OpenBlock, Ordered,
    Preview, PreviewRequest, Price, PublicKey, RangeOutcome, ReplayFault, ReplayRequest,
    ReportError, RuleOutcome, SecondStart, Sequel, StartError, StartRequest, Started, Taken,
    Verify, Visitor,
};

pub use crate::abuse::guard::findings::Findings;
pub use crate::abuse::limits::Exhausted;
pub use crate::access::{Role, Scope};
pub use crate::audit::By;
pub use crate::channels::{CallbackMethod, CallbackRequest, Incoming, Reply};
pub use crate::storage::{
    Act, ApiKey, AuditQuery, Call, Decided, Decision, DecisionQuery, Delivery, DeliveryQuery,
    DeliveryState, Integration, LedgerQuery, LinkKind, ListQuery, On, Project, ReplayState,
    StorageError, StoredReplay, Try, User, Webhook,
};
