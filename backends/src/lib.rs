//! Back ends: the last step of the flow, from the IR to what runs in the network card.

pub mod driver;
pub mod nfp;
mod placement;
pub mod verilog;
