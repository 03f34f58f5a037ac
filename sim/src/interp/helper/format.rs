//! Formatted text as the kernel makes it for BPF programs (`bpf_bprintf_prepare` and `bstr_printf`).

use super::Env;
use crate::map::Errno;
use std::net::Ipv6Addr;

/// Flags and width of a conversion.
#[derive(Clone, Copy, Default)]
struct Spec {
    zero: bool,
    left: bool,
    plus: bool,
    space: bool,
    width: usize,
}

/// Longest string that `%s` reads.
const MAX_STRING: usize = 512;

/// Text with its conversions, read from left to right.
struct Formatter<'a, 'e> {
    env: &'a Env<'e>,
    rest: &'a [u8],
    args: &'a [u64],
    out: Vec<u8>,
}

/// `format` with `args`, which are read as far as the conversions need them.
///
/// # Errors
/// `EINVAL` for characters outside ASCII text, unknown conversions, too few arguments.
pub(super) fn format(env: &Env<'_>, format: &[u8], args: &[u64]) -> Result<Vec<u8>, Errno> {
    let mut f = Formatter { env, rest: format, args, out: Vec::new() };
    while let Some(c) = f.next() {
        if !(c.is_ascii_graphic() || matches!(c, b' ' | b'\t'..=b'\r')) {
            return Err(Errno::INVAL);
        }
        match (c, f.rest.first()) {
            (b'%', Some(b'%')) => {
                f.rest = &f.rest[1..];
                f.out.push(b'%');
            }
            (b'%', _) => f.conversion()?,
            _ => f.out.push(c),
        }
    }
    Ok(f.out)
}

impl Formatter<'_, '_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn eat(&mut self, c: u8) -> bool {
        let found = self.rest.first() == Some(&c);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn spec(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(c @ (b'0' | b'+' | b'-' | b' ')) = self.rest.first() {
            match c {
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b'-' => spec.left = true,
                _ => spec.space = true,
            }
            self.rest = &self.rest[1..];
        }
        while let Some(d) = self.rest.first().filter(|c| c.is_ascii_digit()) {
            spec.width = (spec.width * 10 + usize::from(d - b'0')).min(0x7fff);
            self.rest = &self.rest[1..];
        }
        spec
    }

    fn conversion(&mut self) -> Result<(), Errno> {
        let (arg, others) = self.args.split_first().ok_or(Errno::INVAL)?;
        self.args = others;
        let spec = self.spec();
        if self.eat(b'p') {
            return self.pointer(spec, *arg);
        }
        if self.eat(b's') {
            self.string(spec, *arg);
            return Ok(());
        }
        if self.eat(b'c') {
            self.pad(Spec { zero: false, ..spec }, "", &[*arg as u8]);
            return Ok(());
        }
        let long = self.eat(b'l');
        if long {
            self.eat(b'l');
        }
        self.number(spec, *arg, long)
    }

    fn number(&mut self, spec: Spec, arg: u64, long: bool) -> Result<(), Errno> {
        let unsigned = if long { arg } else { arg as u32 as u64 };
        let signed = if long { arg as i64 } else { arg as i32 as i64 };
        let (sign, digits) = match self.next() {
            Some(b'd' | b'i') => {
                let sign = match signed {
                    i64::MIN..0 => "-",
                    _ if spec.plus => "+",
                    _ if spec.space => " ",
                    _ => "",
                };
                (sign, signed.unsigned_abs().to_string())
            }
            Some(b'u') => ("", unsigned.to_string()),
            Some(b'x') => ("", format!("{unsigned:x}")),
            Some(b'X') => ("", format!("{unsigned:X}")),
            _ => return Err(Errno::INVAL),
        };
        self.pad(spec, sign, digits.as_bytes());
        Ok(())
    }

    fn pad(&mut self, spec: Spec, sign: &str, text: &[u8]) {
        let missing = spec.width.saturating_sub(sign.len() + text.len());
        let fill = |out: &mut Vec<u8>, c| out.extend(std::iter::repeat_n(c, missing));
        if !spec.left && !spec.zero {
            fill(&mut self.out, b' ');
        }
        self.out.extend_from_slice(sign.as_bytes());
        if !spec.left && spec.zero {
            fill(&mut self.out, b'0');
        }
        self.out.extend_from_slice(text);
        if spec.left {
            fill(&mut self.out, b' ');
        }
    }

    fn string(&mut self, spec: Spec, address: u64) {
        let mut text = Vec::new();
        for i in 0..MAX_STRING - 1 {
            match self.env.memory.bytes(address.wrapping_add(i as u64), 1) {
                Some([0]) | None => break,
                Some(c) => text.extend_from_slice(c),
            }
        }
        self.pad(Spec { zero: false, ..spec }, "", &text);
    }

    /// `%p` and its extensions. Addresses are the interpreter's own.
    fn pointer(&mut self, spec: Spec, arg: u64) -> Result<(), Errno> {
        match self.rest {
            [b'k' | b'u', b's', tail @ ..] => {
                self.rest = tail;
                self.string(spec, arg);
                return Ok(());
            }
            [b'K' | b'x' | b's' | b'S' | b'B', tail @ ..] => self.rest = tail,
            [kind @ (b'i' | b'I'), version @ (b'4' | b'6'), tail @ ..] => {
                self.rest = tail;
                let text = self.address(*kind == b'I', *version == b'6', arg);
                self.pad(spec, "", text.as_bytes());
                return Ok(());
            }
            [] => {}
            [c, ..] if c.is_ascii_whitespace() || c.is_ascii_punctuation() => {}
            _ => return Err(Errno::INVAL),
        }
        self.pad(spec, "", format!("{arg:016x}").as_bytes());
        Ok(())
    }

    fn address(&self, usual: bool, v6: bool, at: u64) -> String {
        let mut ip = [0u8; 16];
        let len = if v6 { 16 } else { 4 };
        if let Some(bytes) = self.env.memory.bytes(at, len) {
            ip[..len].copy_from_slice(bytes);
        }
        let words = || ip.chunks(2).map(|w| format!("{:02x}{:02x}", w[0], w[1]));
        match (v6, usual) {
            (false, true) => format!("{}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]),
            (false, false) => format!("{:03}.{:03}.{:03}.{:03}", ip[0], ip[1], ip[2], ip[3]),
            (true, true) => words().collect::<Vec<_>>().join(":"),
            (true, false) => {
                Ipv6Addr::from(ip).octets().iter().map(|b| format!("{b:02x}")).collect()
            }
        }
    }
}
