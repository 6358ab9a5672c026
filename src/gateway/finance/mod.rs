//! Money: message prices ([`tariffs`]), room in budgets ([`headroom`]), provider accounts ([`balances`], [`bookings`]),
//! budget alerts ([`watch`]), the ledger and reports.

mod balances;
mod bookings;
mod headroom;
mod ledger;
mod reports;
mod room;
mod tariffs;
mod watch;

pub use balances::{AccountMonth, Balance, LedgerBalance, ledger_balances};
pub use bookings::{BookError, NewEntry};
pub use headroom::{BudgetState, counter};
pub use ledger::{LedgerSum, Unsettled};
pub use reports::{Kind as ReportKind, ReportFault, report};
pub use room::Finance;
pub use tariffs::{Account, RateFault, RateProblem};
