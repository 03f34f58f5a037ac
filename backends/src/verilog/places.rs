//! The coordinates that an access with a variable offset can have, and how hardware gets from the offset to one of them.

/// An arithmetic progression of byte coordinates: `first`, `first + 2^stride_log2`, up to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Lowest coordinate of the first byte accessed.
    pub first: i64,
    /// Highest one.
    pub last: i64,
    /// Log2 of the distance.
    pub stride_log2: u32,
}

impl Places {
    /// The densest progression that covers `coords`; none if there are no coordinates.
    pub fn covering(coords: impl IntoIterator<Item = i64>) -> Option<Self> {
        let mut coords = coords.into_iter();
        let start = coords.next()?;
        let (mut first, mut last, mut differences) = (start, start, 0);
        for c in coords {
            first = first.min(c);
            last = last.max(c);
            differences |= c - start;
        }
        let stride_log2 = if differences == 0 { 0 } else { differences.trailing_zeros() };
        Some(Self { first, last, stride_log2 })
    }

    /// The only place, if there is one.
    pub fn single(&self) -> Option<i64> {
        (self.first == self.last).then_some(self.first)
    }

    /// Bits of the number of a place.
    pub fn index_bits(&self) -> u32 {
        bits_for(((self.last - self.first) >> self.stride_log2) as u64)
    }
}

/// Bits that hold `max` (at least 1).
pub fn bits_for(max: u64) -> u32 {
    (64 - max.leading_zeros()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_widens_the_stride() {
        // After Ethernet and an IPv4 header of 20 to 60 bytes.
        let p = Places::covering((34..=74).step_by(4)).unwrap();
        assert_eq!(p, Places { first: 34, last: 74, stride_log2: 2 });
        assert_eq!(p.index_bits(), 4);
        assert_eq!(Places::covering([18, 14, 24]).unwrap().stride_log2, 1);
        assert_eq!(
            Places::covering([-4, 12]).unwrap(),
            Places { first: -4, last: 12, stride_log2: 4 }
        );
        assert_eq!(Places::covering([7]).unwrap().single(), Some(7));
        assert_eq!(Places::covering([]), None);
        assert_eq!((bits_for(0), bits_for(4)), (1, 3));
    }
}
