//! What rooms share besides the store: projects, keys and webhooks as a copy ([`directory`]), policies, requests under an
//! idempotency key, and live changes.

mod directory;
mod idempotency;
mod live;
mod policies;

pub use directory::{Access, Directory};
pub use idempotency::{Begun, Idempotency, Replay, Ticket};
pub use live::Live;
pub use policies::{NOTHING, PolicyBook, PolicyFault, parsed, patch};
