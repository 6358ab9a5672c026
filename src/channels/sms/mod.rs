//! SMS: the kinds of provider that carry it, a folder each.

mod form;
pub mod http;
pub mod twilio;
