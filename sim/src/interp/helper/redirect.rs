//! `bpf_redirect` and `bpf_redirect_map`.

use super::super::op::Regs;
use super::{map_argument, Answer, Env};
use crate::outcome::Redirect;
use beeline_ir::map::MapKind;

/// Where a redirect would go, as the helpers left it (the kernel's `struct bpf_redirect_info`).
#[derive(Clone, Copy, Debug)]
pub struct RedirectState(pub Redirect);

impl Default for RedirectState {
    fn default() -> Self {
        Self(Redirect::Ifindex(0))
    }
}

impl RedirectState {
    /// The index that stays when a later lookup fails and clears the map.
    fn index(self) -> u32 {
        match self.0 {
            Redirect::Ifindex(i) => i,
            Redirect::Map { key, .. } | Redirect::Broadcast { key, .. } => key,
        }
    }
}

const XDP_ABORTED: u64 = 0;
const XDP_REDIRECT: u64 = 4;
/// Flags of `bpf_redirect_map`: the action if the key is not there.
const ACTION_MASK: u64 = 3;
const F_BROADCAST: u64 = 8;
const F_EXCLUDE_INGRESS: u64 = 16;

pub(super) fn redirect_ifindex(regs: &Regs, redirect: &mut RedirectState) -> u64 {
    if regs[2] != 0 {
        return XDP_ABORTED;
    }
    redirect.0 = Redirect::Ifindex(regs[1] as u32);
    XDP_REDIRECT
}

pub(super) fn redirect_map(regs: &Regs, env: &mut Env<'_>) -> Answer {
    let (maps, redirect) = (&mut *env.memory.maps, &mut env.redirect);
    let map = map_argument(regs[1], maps)?;
    let (key, flags) = (regs[2] as u32, regs[3]);
    let allowed = match maps.kind(map) {
        MapKind::Devmap | MapKind::DevmapHash => ACTION_MASK | F_BROADCAST | F_EXCLUDE_INGRESS,
        _ => ACTION_MASK,
    };
    if flags & !allowed != 0 {
        return Ok(XDP_ABORTED);
    }
    redirect.0 = if flags & F_BROADCAST != 0 {
        Redirect::Broadcast { map, key, exclude_ingress: flags & F_EXCLUDE_INGRESS != 0 }
    } else if maps.lookup(map, &key.to_le_bytes()).is_some() {
        Redirect::Map { map, key }
    } else {
        redirect.0 = Redirect::Ifindex(redirect.index());
        return Ok(flags & ACTION_MASK);
    };
    Ok(XDP_REDIRECT)
}
