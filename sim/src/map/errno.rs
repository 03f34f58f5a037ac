//! Error numbers of the kernel, as helpers and the map system calls return them.

use std::fmt;

/// A kernel error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident $number:literal $text:literal,)*) => {
        #[allow(missing_docs)] // the names are the kernel's, without the leading E
        impl Errno {
            $(pub const $name: Errno = Errno($number);)*

            /// The kernel's name, for example `E2BIG`.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "errno",
                }
            }
        }
    };
}

errnos! {
    PERM 1 "EPERM",
    NOENT 2 "ENOENT",
    TOOBIG 7 "E2BIG",
    BADF 9 "EBADF",
    AGAIN 11 "EAGAIN",
    NOMEM 12 "ENOMEM",
    FAULT 14 "EFAULT",
    BUSY 16 "EBUSY",
    EXIST 17 "EEXIST",
    NODEV 19 "ENODEV",
    INVAL 22 "EINVAL",
    NOSPC 28 "ENOSPC",
    LOOP 40 "ELOOP",
    OVERFLOW 75 "EOVERFLOW",
    OPNOTSUPP 95 "EOPNOTSUPP",
    NOTSUPP 524 "ENOTSUPP",
}

impl Errno {
    /// What a helper returns: the negative number in a 64-bit register.
    pub fn as_return(self) -> u64 {
        -i64::from(self.0) as u64
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "errno" => write!(f, "errno {}", self.0),
            name => f.write_str(name),
        }
    }
}

impl std::error::Error for Errno {}
