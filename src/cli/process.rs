//! Process facilities for commands: standard output, standard error, a runtime.

use super::Failure;
use crate::app::half_of_the_cores;

/// Prints to standard output. A closed pipe (`| head`) is not a failure.
pub(super) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(super) fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "pinroute: {text}");
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(half_of_the_cores())
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.to_string()))
}
