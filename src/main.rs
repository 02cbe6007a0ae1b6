//! The program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    h5inbox::cli::main(std::env::args_os()).into()
}
