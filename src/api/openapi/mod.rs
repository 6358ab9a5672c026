//! The OpenAPI document: what several operations share.
//!
//! A handler declares its path, its parameters, its body and its successes; the URL map of the API lists the handlers. Here are
//! problems and headers ([`problems`]), examples ([`examples`]), closed sets ([`sets`]), parameters ([`parameters`]) and the
//! [`conventions`] of all operations.

pub mod callbacks;
pub mod conventions;
pub mod examples;
pub mod parameters;
pub mod problems;
pub mod sets;
pub mod words;
