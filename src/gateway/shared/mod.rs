//! Shared by all rooms: an in-memory copy of projects, keys, webhooks and integrations ([`directory`]), policies, idempotency, live
//! change events, and the dialects that are switched on.

mod access;
mod dialects;
mod directory;
mod idempotency;
mod live;
mod policies;
mod readiness;

pub use access::Access;
pub use dialects::{Credentials, Dialect, Reports, SiteReport, ToReport};
pub use directory::{DIRECTORY_AGE, Directory};
pub use idempotency::{Begun, Idempotency, Replay, Ticket};
pub use live::Live;
pub use policies::{NOTHING, PolicyBook, PolicyFault, parsed};
pub(in crate::gateway) use readiness::Readiness;
