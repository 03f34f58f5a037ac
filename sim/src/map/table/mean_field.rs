//! How likely a key finds no place: the mean-field equations of the table.
//!
//! Let each bank have n buckets of W ways, and let x(j, i) be the fraction of buckets of bank j that hold at least i keys; so x(j, 0) = 1.
//! A new key's hashes name one bucket of each bank. If these are independent and uniform, the key goes to the bucket of bank j, finding
//! i keys there, if that bucket has exactly i, those of lower banks have more, and those of higher banks at least as many:
//!
//! ```text
//! p(j, i) = (x(j, i) - x(j, i + 1)) * product over k < j of x(k, i + 1) * product over k > j of x(k, i)
//! ```
//!
//! An insertion then raises x(j, i + 1) by p(j, i) / n on average, and it fails if all buckets are full: f = product over j of x(j, W).
//! For large n the fractions follow their averages closely (Kurtz; for this scheme, "d-left", see Mitzenmacher and Vöcking), so with s = keys inserted
//! per bucket of a bank, that is n s keys in all, they are the solution of
//!
//! ```text
//! d x(j, i + 1) / d s = p(j, i)          filling
//! ```
//!
//! Under churn, each key of the table is as likely as any other to be the next one removed. A bucket with exactly i keys loses one at a rate
//! proportional to i; with S = sum of all x(j, i), i from 1, the keys per bucket of a bank, and a removal before each insertion,
//!
//! ```text
//! d x(j, i) / d s = p(j, i - 1) - i * (x(j, i) - x(j, i + 1)) / S
//! ```
//!
//! The probability that any of m insertions fails is at most the sum of their f. Fluctuations around the average make f larger in small
//! tables, so the figures are an order of magnitude, not a bound; tests count failures (`docs/hash-tables.md`).

/// Steps of integration for one key per bucket; the figures do not change in three digits from 200 on.
const STEPS: u32 = 1000;

/// The state of a table: what fraction of each bank's buckets holds how many keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Occupancy {
    /// `at_least[j][i]`: fraction of buckets of bank `j` that hold at least `i + 1` keys.
    pub at_least: Vec<Vec<f64>>,
    /// Probability that the next key finds no place.
    pub failure: f64,
}

/// A table of many buckets, filled with keys whose hashes are random.
#[derive(Clone, Debug)]
pub struct MeanField {
    ways: usize,
    x: Vec<Vec<f64>>,
    /// Sum of the failure probabilities of all insertions so far, divided by the buckets of a bank.
    failures: f64,
}

impl MeanField {
    /// An empty table of `banks` banks with buckets of `ways` places.
    pub fn new(banks: usize, ways: usize) -> Self {
        Self { ways, x: vec![vec![0.0; ways]; banks], failures: 0.0 }
    }

    /// Fills the table, from what it is, until the fraction `load` of all places is taken (or would be, if no insertion failed).
    pub fn fill(&mut self, load: f64) {
        let places = (self.x.len() * self.ways) as f64;
        let keys = load * places - self.keys();
        self.integrate(keys, false);
    }

    /// Replaces every key `times` times on average: each time a random key is removed, and another inserted.
    pub fn churn(&mut self, times: f64) {
        self.integrate(times * self.keys(), true);
    }

    /// What the table looks like.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy { at_least: self.x.clone(), failure: self.failure() }
    }

    /// Expected number of insertions that failed so far, in a table of `1 << depth_log2` buckets a bank.
    pub fn expected_failures(&self, depth_log2: u32) -> f64 {
        self.failures * f64::from(depth_log2).exp2()
    }

    /// Keys in one bucket of each bank.
    fn keys(&self) -> f64 {
        self.x.iter().flatten().sum()
    }

    fn failure(&self) -> f64 {
        self.x.iter().map(|bank| bank[self.ways - 1]).product()
    }

    fn at_least(&self, bank: usize, keys: usize) -> f64 {
        match keys {
            0 => 1.0,
            n => self.x[bank].get(n - 1).copied().unwrap_or(0.0),
        }
    }

    /// Inserts `keys` keys per bucket of a bank.
    fn integrate(&mut self, keys: f64, churn: bool) {
        let steps = (keys * f64::from(STEPS)).ceil().max(0.0) as u32;
        let ds = keys / f64::from(steps.max(1));
        for _ in 0..steps {
            self.step(ds, churn);
        }
    }

    /// One step of the midpoint rule.
    fn step(&mut self, ds: f64, churn: bool) {
        let middle = self.moved(&self.slope(churn), ds / 2.0);
        self.failures += middle.failure() * ds;
        *self = self.moved(&middle.slope(churn), ds);
    }

    fn moved(&self, slope: &[Vec<f64>], ds: f64) -> Self {
        let mut to = self.clone();
        for (x, d) in to.x.iter_mut().flatten().zip(slope.iter().flatten()) {
            *x = (*x + d * ds).clamp(0.0, 1.0);
        }
        to
    }

    fn slope(&self, churn: bool) -> Vec<Vec<f64>> {
        let total = self.keys();
        let of = |bank, n| {
            let leaving =
                |n: usize| n as f64 * (self.at_least(bank, n) - self.at_least(bank, n + 1));
            self.arrivals(bank, n - 1) - if churn { leaving(n) / total } else { 0.0 }
        };
        (0..self.x.len()).map(|bank| (1..=self.ways).map(|n| of(bank, n)).collect()).collect()
    }

    /// `p(bank, found)`.
    fn arrivals(&self, bank: usize, found: usize) -> f64 {
        let exactly = self.at_least(bank, found) - self.at_least(bank, found + 1);
        let others = (0..self.x.len()).filter(|k| *k != bank);
        others.fold(exactly, |p, k| p * self.at_least(k, found + usize::from(k < bank)))
    }
}
