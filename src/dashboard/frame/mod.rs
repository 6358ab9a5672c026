//! What every page shares: who looks, what they may do, how pages, fields and faults look. From the bottom up: [`viewer`], then
//! [`show`], [`shell`] and [`fields`], then [`answers`], [`fault`], [`identify`] and [`rights`].

pub mod answers;
pub mod fault;
pub mod fields;
pub mod forms;
pub mod identify;
pub mod rights;
pub mod sections;
pub mod shell;
pub mod show;
pub mod viewer;
