//! The `beeline` command-line tool: parse arguments, call the libraries, render.

fn main() {}
