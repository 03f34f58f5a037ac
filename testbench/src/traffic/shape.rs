//! Which flow each packet of a trace belongs to: the shapes under which state is tried.

use super::Rng;

/// How packets are spread over flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every flow is as likely as any other.
    Uniform,
    /// The flow of rank `k` (from 1) has weight `k^-s`, with `s` given in halves: `Zipf { halves: 2 }` is Zipf(1.0).
    Zipf {
        /// Twice the exponent.
        halves: u32,
    },
    /// All packets are of flow 0.
    SingleFlow,
    /// Flow 0 returns at every distance from 1 to `farthest`, in random order, with packets of other flows between.
    Adversarial {
        /// The largest distance: at least the depth of the pipeline, to be thorough.
        farthest: usize,
    },
}

impl Shape {
    /// A name for messages and file names.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Uniform => "uniform",
            Shape::Zipf { .. } => "Zipf",
            Shape::SingleFlow => "single flow",
            Shape::Adversarial { .. } => "adversarial",
        }
    }

    /// The flows of `count` packets, each below `flows`, which must not be 0.
    pub fn draw(self, rng: &mut Rng, count: usize, flows: usize) -> Vec<usize> {
        match self {
            Shape::Uniform => (0..count).map(|_| rng.below(flows)).collect(),
            Shape::Zipf { halves } => {
                let table = Zipf::new(flows, halves);
                (0..count).map(|_| table.draw(rng)).collect()
            }
            Shape::SingleFlow => vec![0; count],
            Shape::Adversarial { farthest } => at_every_distance(rng, count, flows, farthest),
        }
    }
}

/// Cumulated weights of the ranks.
struct Zipf(Vec<f64>);

impl Zipf {
    /// Uses only operations whose results IEEE 754 fixes, so that every machine draws the same.
    fn new(flows: usize, halves: u32) -> Self {
        let weight = |rank: usize| (0..halves).fold(1.0, |w, _| w / (rank as f64).sqrt());
        let cumulate = |sum: &mut f64, rank| {
            *sum += weight(rank);
            Some(*sum)
        };
        Self((1..=flows).scan(0.0, cumulate).collect())
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let total = self.0.last().copied().unwrap_or(0.0);
        let at = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * total;
        self.0.partition_point(|sum| *sum <= at).min(self.0.len().saturating_sub(1))
    }
}

/// Rounds until `count` packets are there: each round takes every distance once, in random order. In a third of the gaps all packets are of
/// one other flow, so that a second hot entry is in flight.
fn at_every_distance(rng: &mut Rng, count: usize, flows: usize, farthest: usize) -> Vec<usize> {
    let mut drawn = vec![0];
    while drawn.len() < count {
        let mut distances: Vec<usize> = (1..=farthest.max(1)).collect();
        while !distances.is_empty() {
            let distance = distances.swap_remove(rng.below(distances.len()));
            let companion = rng.percent(33).then(|| other(rng, flows));
            for _ in 1..distance {
                drawn.push(companion.unwrap_or_else(|| other(rng, flows)));
            }
            drawn.push(0);
        }
    }
    drawn.truncate(count);
    drawn
}

/// Any flow but 0, if there is one.
fn other(rng: &mut Rng, flows: usize) -> usize {
    if flows < 2 {
        return 0;
    }
    rng.between(1, flows - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(shape: Shape, count: usize, flows: usize) -> Vec<usize> {
        let mut counts = vec![0; flows];
        shape.draw(&mut Rng::new(9), count, flows).into_iter().for_each(|f| counts[f] += 1);
        counts
    }

    #[test]
    fn uniform_reaches_all_alike() {
        let counts = counts(Shape::Uniform, 8000, 8);
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn zipf_follows_its_law() {
        let counts = counts(Shape::Zipf { halves: 2 }, 40_000, 64);
        // Harmonic number 64 is 4.74: the first flow has 21 % of the packets, the second half of that.
        assert!((8000..8900).contains(&counts[0]), "{counts:?}");
        assert!((3900..4600).contains(&counts[1]), "{counts:?}");
        assert!((850..1250).contains(&counts[7]), "{counts:?}");
        let steep = Shape::Zipf { halves: 4 }.draw(&mut Rng::new(1), 1000, 64);
        assert!(steep.iter().filter(|f| **f == 0).count() > 550);
    }

    #[test]
    fn an_adversary_hits_at_every_distance() {
        let farthest = 20;
        let drawn = Shape::Adversarial { farthest }.draw(&mut Rng::new(4), 400, 16);
        let hits: Vec<usize> = (0..drawn.len()).filter(|i| drawn[*i] == 0).collect();
        for distance in 1..=farthest {
            assert!(hits.windows(2).any(|h| h[1] - h[0] == distance), "{distance}");
        }
        assert_eq!(drawn.len(), 400);
    }
}
