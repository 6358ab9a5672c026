//! Shared by all rooms: an in-memory copy of projects, keys, webhooks and integrations ([`directory`]), policies, idempotency, live
//! change events, the dialects that are switched on, the progress of long jobs, ages, and lists as CSV.

mod access;
mod dialects;
mod directory;
mod export;
mod idempotency;
mod live;
mod policies;
mod progress;
mod readiness;
mod retention;

pub use access::Access;
pub use dialects::{Credentials, Dialect, Reports, SiteReport, ToReport};
pub use directory::{DIRECTORY_AGE, Directory};
pub(in crate::gateway) use export::{PART, csv_parts};
pub use idempotency::{Begun, Idempotency, Replay, Ticket};
pub use live::Live;
pub use policies::{NOTHING, PolicyBook, PolicyFault, parsed};
pub(in crate::gateway) use progress::Jobs;
pub use progress::Progress;
pub(in crate::gateway) use readiness::Readiness;
pub(in crate::gateway) use retention::Rows;
pub use retention::{Due, Kept, Reached, Removed, Retention, erase_due, remove};
