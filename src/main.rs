//! The `beeline` command-line tool: parse arguments, call the libraries, render.
//!
//! Exit status: 0 done, equal or accepted; 1 rejected or different; 2 bad usage, unreadable or malformed input.

mod args;
mod commands;
mod failure;
mod input;
mod kernel;
mod render;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match commands::dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
