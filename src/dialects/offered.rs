//! What a dialect hands to the composition root.

use crate::gateway::{Dialect, Gateway};
use crate::web::Mount;

/// A dialect, and how it is mounted.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    pub dialect: Dialect,
    pub mount: fn(Gateway) -> Mount,
}
