//! The verbs of a verification, one file each: start, deliver, check, resend, cancel, receive.
//!
//! A verb reads the state, runs a transition of `verification`, and stores the result as one change ([`persist`]). When
//! another change came first, it starts again from a fresh read. No database transaction is open across a network call.
//!
//! To add a verb: a file with an `impl Verify` that stores its changes through [`persist`].

mod alarms;
mod alive;
mod announced;
mod cancel;
mod cases;
mod check;
mod decided;
mod decisions;
mod deliver;
mod draws;
mod figures;
mod find;
mod guard;
mod leased;
mod metered;
mod number;
mod offers;
mod ordered;
mod origin;
mod outcomes;
mod owner;
mod paid;
mod persist;
mod preview;
mod proof;
mod receive;
mod replays;
mod reports;
mod request;
mod resend;
mod reserve;
mod reuse;
mod room;
mod site;
mod start;
mod subjects;
mod traced;
mod vouch;
mod working;

pub use check::Checked;
pub use figures::{FullCell, OpenBlock};
pub use ordered::{Known, Ordered};
pub use outcomes::{GuardOutcomes, RangeOutcome, RuleOutcome, Sequel};
pub use preview::{Preview, PreviewRequest, Price};
pub use proof::PublicKey;
pub use receive::{ReportError, Taken};
pub use replays::{ReplayFault, ReplayRequest};
pub use request::{StartError, StartRequest, Started, Visitor};
pub use resend::SecondStart;
pub use room::{LEASE, Verify};
pub use subjects::{Erased, KeptOfNumber};
