//! Shared by all rooms: an in-memory copy of projects, keys and webhooks ([`directory`]), policies, idempotency, and
//! live change events.

mod directory;
mod idempotency;
mod live;
mod policies;

pub use directory::{Access, DIRECTORY_AGE, Directory};
pub use idempotency::{Begun, Idempotency, Replay, Ticket};
pub use live::Live;
pub use policies::{NOTHING, PolicyBook, PolicyFault, parsed};
