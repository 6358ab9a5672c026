//! Administration: projects and keys, budgets, users, sign-in.

mod audit;
mod budgets;
mod calls;
mod contended;
mod counters;
mod guard;
mod integrations;
mod passwords;
mod projects;
mod room;
mod sign_in;
mod users;

pub use budgets::{BudgetError, NewBudget};
pub use counters::{begin_counters, prepare_budgets};
pub use guard::{EntryFault, EntryRequest};
pub use integrations::{IntegrationChange, IntegrationRequest};
pub use passwords::{LONGEST_PASSWORD, SHORTEST_PASSWORD, Weak, check_password};
pub use projects::{
    KeyRequest, LONGEST_KEY_DAYS, LONGEST_KEY_NAME, ProjectError, change_policy_of, check_name,
    key_name, new_secret,
};
pub use room::Admin;
pub use sign_in::{Session, SignInError};
pub use users::{Invitation, LinkFault, NewLink, SANDBOX_OWNER, UserFault, Users, read_email};
