//! What helpers return, and the flags that they take.

/// `-ENOENT`
pub(super) const NOENT: i64 = -2;
/// `-E2BIG`
pub(super) const TOOBIG: i64 = -7;
/// `-EEXIST`
pub(super) const EXISTS: i64 = -17;
/// `-EINVAL`
pub(super) const INVAL: i64 = -22;

/// `BPF_NOEXIST`
pub(super) const NOEXIST: u64 = 1;
/// `BPF_EXIST`
pub(super) const EXIST: u64 = 2;
/// `BPF_F_LOCK`
pub(super) const LOCK: u64 = 4;
