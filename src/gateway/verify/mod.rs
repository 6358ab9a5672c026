//! The verbs of a verification, one file each: start, deliver, check, resend, cancel, receive a report.
//!
//! A verb reads the state, runs a transition of `verification`, and persists the result as one change ([`persist`]); when
//! another change came first, it starts again from a fresh read. No transaction is open across a network call.
//!
//! To add a verb: a file with an `impl Verify`, whose changes go through [`persist`].

mod cancel;
mod check;
mod deliver;
mod find;
mod leased;
mod offers;
mod persist;
mod preview;
mod proof;
mod receive;
mod resend;
mod room;
mod start;

pub use check::Checked;
pub use preview::{Preview, PreviewRequest, Price};
pub use proof::PublicKey;
pub use receive::{CallbackRequest, ReportError};
pub use room::{LEASE, Verify};
pub use start::{StartError, StartRequest, Started};
