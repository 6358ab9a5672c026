//! The guard against SMS pumping: whether a message whose termination is paid for may be sent. Pure.
//!
//! A caller asks [`judge`](judge::judge), then tells [`Figures`](figures::Figures) what became of it. Live traffic and a back-test run
//! the same code. To add a rule: a variant of [`Rule`](rules::Rule), its thresholds in [`Rules`](rules::Rules), how they are
//! written in `config::guard`, and a function in `judge`.

pub mod blocks;
mod bounded;
pub mod case;
pub mod cells;
pub mod deltas;
pub mod figures;
pub mod findings;
pub mod hosts;
pub mod judge;
mod numbers;
mod pace;
pub mod replay;
mod ring;
pub mod saved;
mod tally;
pub mod verdict;

pub use crate::verification::guard as rules;

#[cfg(test)]
mod tests;
