//! Fields of sockets that programs may read (`struct bpf_sock` and `struct bpf_xdp_sock` in `linux/bpf.h`).

use super::state::SocketForm;

/// Bytes of `struct bpf_sock`.
const SOCK_BYTES: i64 = 80;
/// Bytes of `struct bpf_xdp_sock`.
const XDP_SOCK_BYTES: i64 = 4;

/// How a field may be read.
enum Field {
    /// In parts from its start on, or as a whole.
    Parts,
    /// As above, at any of its bytes.
    Anywhere,
    /// As one word.
    Word,
    No,
}

fn field(off: i64) -> Field {
    match off {
        // family, type, protocol, src_port, state, rx_queue_mapping
        4 | 8 | 12 | 44 | 72 | 76 => Field::Parts,
        // Addresses of both versions.
        24..=43 | 52..=71 => Field::Anywhere,
        // dst_port is half a word wide; all of the word may be read too.
        48 | 49 => Field::Anywhere,
        50 | 51 => Field::No,
        _ => Field::Word,
    }
}

/// True if `size` bytes at `off` of a socket can be read.
pub(super) fn readable(form: SocketForm, off: i64, size: u32) -> bool {
    let bytes = i64::from(size);
    let room = if form == SocketForm::Xdp { XDP_SOCK_BYTES } else { SOCK_BYTES };
    if off < 0 || off + bytes > room || off % bytes != 0 {
        return false;
    }
    // The mark and the priority exist in full sockets only.
    if form == SocketForm::Common && (16..24).contains(&off) {
        return false;
    }
    match field(off) {
        _ if form == SocketForm::Xdp => size == 4,
        Field::Parts | Field::Anywhere => size <= 4,
        Field::Word => size == 4,
        Field::No => false,
    }
}
