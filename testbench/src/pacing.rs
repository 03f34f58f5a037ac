//! When beats are offered to the hardware and when its output is ready: full rate, or random gaps and back-pressure
//! from a seed. Simulator and RTL get the same pattern.

/// Pattern of input gaps and output back-pressure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// A beat is offered in every cycle and the output is always ready.
    #[default]
    FullRate,
    /// Random gaps and back-pressure; the seed also chooses how much of each.
    Random(u64),
}

/// Length of a random ready pattern; prime, so that it drifts against the packets.
const READY_PERIOD: usize = 1021;

impl Pacing {
    /// Cycles without `tvalid` before each of `beats` beats.
    pub fn idle_before_beats(self, beats: usize) -> Vec<u32> {
        let Pacing::Random(seed) = self else {
            return vec![0; beats];
        };
        let mut rng = SplitMix(seed ^ 0x1d1e);
        // Percentage of beats with a gap: none, few, many.
        let percent = [0, 5, 30, 70][(rng.next() % 4) as usize];
        (0..beats)
            .map(|_| {
                let (draw, length) = (rng.next() % 100, rng.next());
                if draw >= percent {
                    0
                } else if length % 16 == 0 {
                    (length >> 8) as u32 % 60 + 1
                } else {
                    (length >> 8) as u32 % 3 + 1
                }
            })
            .collect()
    }

    /// `m_axis_tready` by cycle, repeated from the start when it ends; never empty, never all zero.
    pub fn ready_pattern(self) -> Vec<bool> {
        let Pacing::Random(seed) = self else {
            return vec![true];
        };
        pattern_of(SplitMix(seed ^ 0xbacc))
    }

    /// `m_event_tready` by cycle, like [`Self::ready_pattern`].
    pub fn event_ready_pattern(self) -> Vec<bool> {
        match self {
            Pacing::FullRate => vec![true],
            Pacing::Random(seed) => pattern_of(SplitMix(seed ^ 0xe7e7)),
        }
    }
}

/// Random runs of ready and not ready cycles.
fn pattern_of(mut rng: SplitMix) -> Vec<bool> {
    let percent = [100, 90, 50, 20][(rng.next() % 4) as usize];
    let mut ready = Vec::with_capacity(READY_PERIOD);
    while ready.len() < READY_PERIOD {
        // Runs rather than single cycles, so that FIFOs fill and drain.
        let level = rng.next() % 100 < percent;
        let run = rng.next() % 12 + 1;
        ready.extend(std::iter::repeat_n(level, run as usize));
    }
    ready.truncate(READY_PERIOD);
    ready[0] = true;
    ready
}

/// The SplitMix64 generator: small, seedable, the same everywhere.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_rate_never_waits() {
        assert_eq!(Pacing::FullRate.idle_before_beats(3), [0, 0, 0]);
        assert_eq!(Pacing::FullRate.ready_pattern(), [true]);
    }

    #[test]
    fn seeds_cover_gaps_and_back_pressure() {
        let gaps =
            (0..20).filter(|s| Pacing::Random(*s).idle_before_beats(100).iter().any(|i| *i > 0));
        let stalls = (0..20).filter(|s| Pacing::Random(*s).ready_pattern().contains(&false));
        assert!(gaps.count() >= 8 && stalls.count() >= 8);
        assert_eq!(Pacing::Random(5).ready_pattern(), Pacing::Random(5).ready_pattern());
    }
}
