//! Simulated traffic: what the guard's verdicts make of honest people and of attacks. Seeded, so that each run gives the same.

mod attack;
pub mod marks;
mod people;
mod site;

pub use attack::{Attack, Course, Mark, honest, in_a_sandbox, measure};
pub use people::{Mix, Scene};
pub use site::{Guard, Tally};
