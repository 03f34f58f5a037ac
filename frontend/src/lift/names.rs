//! Names for values from the text of the C line they come from.

/// A field access `a->b` or `a.b` in a source line, as `a_b`, if the line has exactly one.
pub(super) fn field_access(line: &str) -> Option<String> {
    let mut found = None;
    for (at, sep) in line.match_indices("->").chain(line.match_indices('.')) {
        let before = trailing_ident(&line[..at]);
        let after = leading_ident(&line[at + sep.len()..]);
        if before.is_empty() || after.is_empty() || before.starts_with(|c: char| c.is_ascii_digit())
        {
            continue;
        }
        let name = format!("{before}_{after}").to_lowercase();
        if found.as_ref().is_some_and(|f| *f != name) {
            return None;
        }
        found = Some(name);
    }
    found
}

/// The variable that a source line assigns, `x = …` or `T x = …`.
pub(super) fn assigned(line: &str) -> Option<String> {
    let at = line.find('=')?;
    let next = line.as_bytes().get(at + 1).copied();
    let left = line[..at].trim_end();
    if next == Some(b'=') || left.ends_with(['!', '<', '>', '+', '-', '*', '/', '&', '|', '^', '%'])
    {
        return None;
    }
    let ident = trailing_ident(left);
    (!ident.is_empty() && !left.contains('(')).then(|| ident.to_lowercase())
}

fn is_ident(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn trailing_ident(s: &str) -> &str {
    &s[s.rfind(|c| !is_ident(c)).map_or(0, |i| i + 1)..]
}

fn leading_ident(s: &str) -> &str {
    &s[..s.find(|c| !is_ident(c)).unwrap_or(s.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_access_names_the_value() {
        assert_eq!(
            field_access("if (eth->h_proto != bpf_htons(0x800))"),
            Some("eth_h_proto".into())
        );
        assert_eq!(field_access("key.src = ip->saddr;"), None);
        assert_eq!(field_access("return XDP_DROP;"), None);
    }

    #[test]
    fn assignments_name_their_variable() {
        assert_eq!(
            assigned("struct rule *r = bpf_map_lookup_elem(&rules, &key);"),
            Some("r".into())
        );
        assert_eq!(assigned("if (a == b)"), None);
        assert_eq!(assigned("x += 3;"), None);
    }
}
