//! Kernel functions that XDP programs may call: what they take and give, in the terms of helper prototypes.

use super::explore::{Explorer, Next};
use super::helper::clobber;
use super::message::{refuse, Checked};
use super::prototype::{kfunc, Arg, Prototype, Ret, KFUNC_PKT};
use super::state::{Source, State};
use crate::insn::Reg;
use Arg::{
    Any, Buffer, BufferSize, CloneDynptr, Ctx, Dynptr, EndIter, FixedOut, NewDynptr, NewIter,
    Number,
};
use Ret::{Scalar, Slice};

const ITER_NEXT: &str = "iter_num_next";

/// The kernel functions that are known, by name without `bpf_`.
const TABLE: &[Prototype] = &[
    kfunc("dynptr_adjust", &[Dynptr, Number, Number], Scalar, KFUNC_PKT),
    kfunc("dynptr_clone", &[Dynptr, CloneDynptr], Scalar, KFUNC_PKT),
    kfunc("dynptr_from_xdp", &[Ctx, Number, NewDynptr(Source::Packet)], Scalar, KFUNC_PKT),
    kfunc("dynptr_is_null", &[Dynptr], Scalar, KFUNC_PKT),
    kfunc("dynptr_is_rdonly", &[Dynptr], Scalar, KFUNC_PKT),
    kfunc("dynptr_size", &[Dynptr], Scalar, KFUNC_PKT),
    kfunc("dynptr_slice", &[Dynptr, Number, Buffer, BufferSize], Slice(false), KFUNC_PKT),
    kfunc("dynptr_slice_rdwr", &[Dynptr, Number, Buffer, BufferSize], Slice(true), KFUNC_PKT),
    kfunc("iter_num_destroy", &[EndIter], Ret::Void, KFUNC_PKT),
    kfunc("iter_num_new", &[NewIter, Number, Number], Scalar, KFUNC_PKT),
    kfunc(ITER_NEXT, &[Any], Scalar, KFUNC_PKT),
    kfunc("xdp_metadata_rx_hash", &[Ctx, FixedOut(4), FixedOut(4)], Scalar, KFUNC_PKT),
    kfunc("xdp_metadata_rx_timestamp", &[Ctx, FixedOut(8)], Scalar, KFUNC_PKT),
    kfunc("xdp_metadata_rx_vlan_tag", &[Ctx, FixedOut(2), FixedOut(2)], Scalar, KFUNC_PKT),
];

/// The prototype of kernel function `name`, which begins with `bpf_`.
fn by_name(name: &str) -> Option<&'static Prototype> {
    let name = name.strip_prefix("bpf_")?;
    TABLE.iter().find(|p| p.name == name)
}

/// Programs may call kernel function `name`.
pub(crate) fn has_kfunc(name: &str) -> bool {
    by_name(name).is_some()
}

/// How many argument registers kernel function `name` reads.
pub(super) fn argument_count(name: &str) -> usize {
    by_name(name).map_or(5, |p| p.args.len())
}

impl Explorer<'_> {
    /// The call of kernel function number `k` of the program.
    pub(super) fn call_kfunc(&mut self, state: &mut State, k: usize) -> Checked<Next> {
        let name = &self.program.kfuncs[k];
        let Some(prototype) = by_name(name) else {
            let known: Vec<String> = TABLE.iter().map(|p| format!("bpf_{}", p.name)).collect();
            return Err(refuse("BL0346", format!("kernel function `{name}` is not known"))
                .expected(format!("one of {}", known.join(", ")))
                .found(format!("`{name}`"))
                .help(
                    "use a helper or a map instead; hardware has no other objects of the kernel",
                ));
        };
        let iterates = prototype.name.starts_with("iter_num_");
        if let (false, Some(lock)) = (iterates, state.lock) {
            let message =
                format!("`{name}` is called while the spin lock of insn {} is held", lock.site.0);
            return Err(refuse("BL0349", message).help("unlock before the call"));
        }
        if prototype.name == ITER_NEXT {
            return self.iter_next(state);
        }
        let seen = self.check_arguments(state, prototype)?;
        let site = state.pc;
        let result = self.result(state, prototype, site, &seen)?;
        clobber(state);
        state.set(Reg::R0, result);
        Ok(Next::Goto(site.plus(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_counted() {
        assert!(TABLE.windows(2).all(|w| w[0].name < w[1].name));
        assert_eq!(argument_count("bpf_dynptr_slice"), 4);
        assert_eq!(argument_count("bpf_xdp_get_xfrm_state"), 5);
        assert!(TABLE.iter().all(|p| p.args.len() <= 5));
    }
}
