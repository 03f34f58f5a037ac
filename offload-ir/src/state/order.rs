//! Brings operations into an order again.

use crate::dfg::Dfg;
use crate::entities::{Inst, Value};
use cranelift_entity::SecondaryMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// `list` with definitions before uses and the first of each of `pairs` before the second; what stands earlier stays earlier where it
/// can. None if that is a cycle.
pub(crate) fn topological(dfg: &Dfg, list: &[Inst], pairs: &[(Inst, Inst)]) -> Option<Vec<Inst>> {
    let mut position: SecondaryMap<Inst, Option<usize>> = SecondaryMap::new();
    list.iter().enumerate().for_each(|(n, &i)| position[i] = Some(n));
    let mut waiting = vec![0u32; list.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); list.len()];
    let mut edge = |from: Inst, to: usize| {
        if let Some(from) = position[from] {
            users[from].push(to);
            waiting[to] += 1;
        }
    };
    for (n, &inst) in list.iter().enumerate() {
        let data = &dfg.insts[inst];
        let mut operands: Vec<Value> = data.pred.into_iter().collect();
        data.op.for_each_arg(|v| operands.push(v));
        operands.into_iter().filter_map(|v| dfg.maker(v)).for_each(|maker| edge(maker, n));
    }
    for &(earlier, later) in pairs {
        if let Some(later) = position[later] {
            edge(earlier, later);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..list.len()).filter(|&n| waiting[n] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(list.len());
    while let Some(Reverse(n)) = ready.pop() {
        sorted.push(list[n]);
        for &user in &users[n] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.push(Reverse(user));
            }
        }
    }
    (sorted.len() == list.len()).then_some(sorted)
}
