//! The `varco` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    varco::cli::main()
}
