//! The frame of all pages: the viewer and their rights, and how pages, fields and errors look. From the bottom up: [`viewer`],
//! then [`show`], [`shell`] and [`fields`], then [`answers`], [`fault`], [`identify`] and [`rights`].

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
