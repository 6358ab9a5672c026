//! argv → command → exit code.

fn main() -> std::process::ExitCode {
    pinroute::cli::run()
}
