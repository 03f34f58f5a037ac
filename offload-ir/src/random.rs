//! The random numbers of `bpf_get_prandom_u32`: a mixing function of seed, packet number and call site.
//!
//! Adders, shifts and exclusive-ors only, so that it costs a few carry chains in hardware. The lift emits
//! the same steps as IR operations; the interpreter calls [`prandom_u32`]; `docs/semantics.md` describes it to users.

/// One step: what is done to the 32-bit state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `x += constant`
    Add(u32),
    /// `x += x << amount`
    AddShl(u8),
    /// `x ^= x >> amount`
    XorShr(u8),
}

/// The steps, in order, applied to `seed ^ packet_index ^ call_site_key(pc)`.
pub const STEPS: [Step; 9] = [
    Step::Add(0x9e37_79b9),
    Step::AddShl(10),
    Step::XorShr(6),
    Step::AddShl(3),
    Step::XorShr(11),
    Step::AddShl(15),
    Step::XorShr(7),
    Step::AddShl(9),
    Step::XorShr(16),
];

/// What a call site at linked program counter `pc` contributes: a constant.
pub fn call_site_key(pc: u32) -> u32 {
    pc.wrapping_add(1).wrapping_mul(0x85eb_ca6b)
}

/// The random number that the call at `pc` gets in packet `packet_index`.
pub fn prandom_u32(seed: u32, packet_index: u32, pc: u32) -> u32 {
    STEPS.iter().fold(seed ^ packet_index ^ call_site_key(pc), |x, step| match *step {
        Step::Add(c) => x.wrapping_add(c),
        Step::AddShl(n) => x.wrapping_add(x << n),
        Step::XorShr(n) => x ^ (x >> n),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_packets_and_sites_differ_in_many_bits() {
        let mut worst = 32;
        for n in 0..4096u32 {
            worst = worst.min((prandom_u32(0, n, 5) ^ prandom_u32(0, n + 1, 5)).count_ones());
            worst = worst.min((prandom_u32(0, n, 5) ^ prandom_u32(0, n, 6)).count_ones());
        }
        assert!(worst >= 2, "a pair differs in {worst} bits only");
    }
}
