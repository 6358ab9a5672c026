//! `/hooks/{kind}/{id}`: identity servers make and check codes themselves, and have them delivered here.
//!
//! What each kind signs and sends is in [`integrations`](crate::integrations).

mod answer;
mod deliver;
mod find;
mod request;
mod verified;

pub use deliver::{deliver, deliver_by_get};
pub use verified::verified;
