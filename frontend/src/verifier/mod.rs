//! The verifier: an abstract interpreter that proves a program safe, in the manner of the Linux verifier for XDP.

mod alu;
mod branch;
mod scalar;
#[cfg(test)]
mod soundness;
mod tnum;
