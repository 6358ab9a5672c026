//! What the audit log tells: who did what to what, and how that was before and after. Pure.
//!
//! To record another change: an [`Action`], and a [`Deed`] that the storage function concludes its change with. A deed has no secret;
//! numbers are masked in it whatever it is made of.

mod action;
mod actor;
mod deed;
mod mask;

pub use action::Action;
pub use actor::{Actor, ActorKind, By};
pub use deed::{Deed, Entry};
pub use mask::{address, masked};
