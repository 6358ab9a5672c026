//! Money: message prices ([`tariffs`]), room in budgets ([`headroom`]), provider accounts ([`balances`]), budget alerts
//! ([`watch`]), the ledger and reports.

mod balances;
mod headroom;
mod ledger;
mod reports;
mod room;
mod tariffs;
mod watch;

pub use balances::{AccountMonth, Balance, BookError, NewEntry};
pub use headroom::{BudgetState, counter};
pub use ledger::Unsettled;
pub use reports::{Kind as ReportKind, ReportFault, report};
pub use room::Finance;
pub use tariffs::{Account, RateFault, RateProblem};
