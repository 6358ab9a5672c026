//! The `pinroute` binary.

fn main() -> std::process::ExitCode {
    pinroute::cli::run()
}
