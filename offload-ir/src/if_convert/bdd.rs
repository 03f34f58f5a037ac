//! Binary decision diagrams over branch conditions: canonical Boolean functions, used between `Function` and
//! `StagedPipeline` wherever two predicates must be proved equal, exclusive or implied.
//!
//! With variables in the order in which the program tests them, the diagram of a block's path condition is no
//! larger than the control-flow graph before it. A node budget keeps odd inputs cheap: past it, results become
//! fresh unknowns, which loses proofs but never makes a wrong one.

use std::collections::HashMap;

/// Past this many nodes, results are fresh unknowns.
const NODE_BUDGET: usize = 400_000;

/// A Boolean function; equal functions have equal references.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BoolFn(u32);

impl BoolFn {
    /// Never.
    pub const FALSE: BoolFn = BoolFn(0);
    /// Always.
    pub const TRUE: BoolFn = BoolFn(1);

    /// True for the two constants.
    pub fn is_const(self) -> bool {
        self.0 < 2
    }
}

/// A decision: `var ? hi : lo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// Variable number.
    pub var: u32,
    /// If the variable is 1.
    pub hi: BoolFn,
    /// If the variable is 0.
    pub lo: BoolFn,
}

/// Functions over numbered variables; low numbers are tested first.
#[derive(Clone, Debug)]
pub struct Bdd {
    nodes: Vec<Decision>,
    unique: HashMap<Decision, BoolFn>,
    ite_memo: HashMap<(BoolFn, BoolFn, BoolFn), BoolFn>,
    restrict_memo: HashMap<(BoolFn, BoolFn), BoolFn>,
    unknowns: u32,
}

/// Variables from here on are unknowns made when the budget ran out.
const FIRST_UNKNOWN: u32 = 1 << 30;
const CONST_VAR: u32 = u32::MAX;

impl Default for Bdd {
    fn default() -> Self {
        let constant = |f| Decision { var: CONST_VAR, hi: f, lo: f };
        Self {
            nodes: vec![constant(BoolFn::FALSE), constant(BoolFn::TRUE)],
            unique: HashMap::new(),
            ite_memo: HashMap::new(),
            restrict_memo: HashMap::new(),
            unknowns: 0,
        }
    }
}

impl Bdd {
    /// The variable `var` as a function.
    pub fn var(&mut self, var: u32) -> BoolFn {
        self.node(var, BoolFn::TRUE, BoolFn::FALSE)
    }

    /// The root decision of `f`; none for constants.
    pub fn decision(&self, f: BoolFn) -> Option<Decision> {
        (!f.is_const()).then(|| self.nodes[f.0 as usize])
    }

    /// `!f`
    pub fn not(&mut self, f: BoolFn) -> BoolFn {
        self.ite(f, BoolFn::FALSE, BoolFn::TRUE)
    }

    /// `f & g`
    pub fn and(&mut self, f: BoolFn, g: BoolFn) -> BoolFn {
        self.ite(f, g, BoolFn::FALSE)
    }

    /// `f | g`
    pub fn or(&mut self, f: BoolFn, g: BoolFn) -> BoolFn {
        self.ite(f, BoolFn::TRUE, g)
    }

    /// True if `f` and `g` are proved never to hold together.
    pub fn exclusive(&mut self, f: BoolFn, g: BoolFn) -> bool {
        self.and(f, g) == BoolFn::FALSE
    }

    /// The variables that `f` depends on, ascending.
    pub fn support(&self, f: BoolFn) -> std::collections::BTreeSet<u32> {
        let mut seen = std::collections::HashSet::new();
        let mut vars = std::collections::BTreeSet::new();
        let mut work = vec![f];
        while let Some(f) = work.pop() {
            if !f.is_const() && seen.insert(f) {
                let d = self.nodes[f.0 as usize];
                vars.insert(d.var);
                work.extend([d.hi, d.lo]);
            }
        }
        vars
    }

    /// `cond ? f : g`
    pub fn ite(&mut self, cond: BoolFn, f: BoolFn, g: BoolFn) -> BoolFn {
        if f == g || cond == BoolFn::TRUE {
            return f;
        }
        if cond == BoolFn::FALSE {
            return g;
        }
        if (f, g) == (BoolFn::TRUE, BoolFn::FALSE) {
            return cond;
        }
        if let Some(&r) = self.ite_memo.get(&(cond, f, g)) {
            return r;
        }
        let r = if self.nodes.len() >= NODE_BUDGET {
            self.unknown()
        } else {
            let var = self.top(cond).min(self.top(f)).min(self.top(g));
            let (c1, c0) = self.cofactors(cond, var);
            let (f1, f0) = self.cofactors(f, var);
            let (g1, g0) = self.cofactors(g, var);
            let hi = self.ite(c1, f1, g1);
            let lo = self.ite(c0, f0, g0);
            self.node(var, hi, lo)
        };
        self.ite_memo.insert((cond, f, g), r);
        r
    }

    /// A function, often smaller, that equals `f` wherever `care` holds (Coudert and Madre's `restrict`).
    pub fn restrict(&mut self, f: BoolFn, care: BoolFn) -> BoolFn {
        if f.is_const() || care == BoolFn::TRUE {
            return f;
        }
        if care == BoolFn::FALSE {
            return BoolFn::FALSE;
        }
        if let Some(&r) = self.restrict_memo.get(&(f, care)) {
            return r;
        }
        let var = self.top(f).min(self.top(care));
        let (c1, c0) = self.cofactors(care, var);
        let (f1, f0) = self.cofactors(f, var);
        let r = if c0 == BoolFn::FALSE {
            self.restrict(f1, c1)
        } else if c1 == BoolFn::FALSE {
            self.restrict(f0, c0)
        } else if f1 == f0 {
            let either = self.or(c1, c0);
            self.restrict(f, either)
        } else {
            let hi = self.restrict(f1, c1);
            let lo = self.restrict(f0, c0);
            self.node(var, hi, lo)
        };
        self.restrict_memo.insert((f, care), r);
        r
    }

    /// Holds where `f` does for one of the two values of `var`.
    pub fn exists(&mut self, f: BoolFn, var: u32) -> BoolFn {
        let yes = self.var(var);
        let no = self.not(yes);
        let (hi, lo) = (self.restrict(f, yes), self.restrict(f, no));
        self.or(hi, lo)
    }

    /// Number of decisions in `f`, counted up to `limit`.
    pub fn size(&self, f: BoolFn, limit: usize) -> usize {
        let mut seen = std::collections::HashSet::new();
        let mut work = vec![f];
        while let Some(f) = work.pop() {
            if f.is_const() || seen.len() >= limit || !seen.insert(f) {
                continue;
            }
            let d = self.nodes[f.0 as usize];
            work.extend([d.hi, d.lo]);
        }
        seen.len()
    }

    fn node(&mut self, var: u32, hi: BoolFn, lo: BoolFn) -> BoolFn {
        if hi == lo {
            return hi;
        }
        let d = Decision { var, hi, lo };
        let nodes = &mut self.nodes;
        *self.unique.entry(d).or_insert_with(|| {
            nodes.push(d);
            BoolFn(nodes.len() as u32 - 1)
        })
    }

    fn unknown(&mut self) -> BoolFn {
        self.unknowns += 1;
        self.var(FIRST_UNKNOWN + self.unknowns)
    }

    /// True if `f` depends on an unknown, so that no operations can be made of it.
    pub fn has_unknown(&self, f: BoolFn) -> bool {
        // Unknowns only exist once the budget ran out.
        self.unknowns > 0 && {
            let mut seen = std::collections::HashSet::new();
            let mut work = vec![f];
            let mut found = false;
            while let Some(f) = work.pop() {
                if !f.is_const() && seen.insert(f) {
                    let d = self.nodes[f.0 as usize];
                    found |= d.var >= FIRST_UNKNOWN;
                    work.extend([d.hi, d.lo]);
                }
            }
            found
        }
    }

    fn top(&self, f: BoolFn) -> u32 {
        self.nodes[f.0 as usize].var
    }

    fn cofactors(&self, f: BoolFn, var: u32) -> (BoolFn, BoolFn) {
        let d = self.nodes[f.0 as usize];
        if d.var == var && !f.is_const() {
            (d.hi, d.lo)
        } else {
            (f, f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_functions_are_one() {
        let mut b = Bdd::default();
        let (x, y) = (b.var(0), b.var(1));
        let (nx, ny) = (b.not(x), b.not(y));
        let left = b.and(nx, ny);
        let or = b.or(x, y);
        assert_eq!(left, b.not(or));
        assert!(b.exclusive(left, x));
        assert!(!b.exclusive(nx, y));
        assert_eq!(b.or(x, nx), BoolFn::TRUE);
    }

    #[test]
    fn restrict_agrees_on_the_care_set() {
        let mut b = Bdd::default();
        let vars: Vec<_> = (0..4).map(|i| b.var(i)).collect();
        // All functions of the form (x_i ? x_j : x_k), against each other as care sets.
        let mut fns = vec![];
        for i in 0..4 {
            for j in 0..4 {
                for k in 0..4 {
                    let n = b.not(vars[k]);
                    fns.push(b.ite(vars[i], vars[j], n));
                }
            }
        }
        for &f in &fns {
            for &care in &fns {
                let r = b.restrict(f, care);
                let (left, right) = (b.and(f, care), b.and(r, care));
                assert_eq!(left, right);
            }
        }
    }

    #[test]
    fn restrict_drops_what_the_dominator_says() {
        let mut b = Bdd::default();
        let (d, c) = (b.var(0), b.var(1));
        let edge = b.and(d, c);
        assert_eq!(b.restrict(edge, d), c);
    }
}
