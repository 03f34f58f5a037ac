//! Pipelines with hazard windows: packets that change keys and values behind the stages in which younger ones read them. Data is held
//! against the sequential executor, data and every cycle against `machine`.

use super::machine::{Keys, Machine};
use super::staging::stage_at_random;
use super::*;
use beeline_ir::entities::{MapId, Value};
use cranelift_entity::EntityRef;
use std::collections::BTreeMap;

/// What a random program does.
struct Shape {
    entries: u64,
    keys: u64,
    /// A second key is looked up, read and, instead of the first, removed.
    two_probes: bool,
    insert: bool,
    remove: bool,
    /// The array's index comes out of the table.
    chained: bool,
    atomic: bool,
}

impl Shape {
    fn random(rng: &mut Rng) -> Self {
        Self {
            entries: 4 + rng.below(8),
            keys: [3, 7, 15][rng.below(3) as usize],
            two_probes: rng.below(2) == 0,
            insert: rng.below(4) > 0,
            remove: rng.below(4) > 0,
            chained: rng.below(2) == 0,
            atomic: rng.below(3) == 0,
        }
    }

    /// A lowered program: `v31` and `v33` are keys, `v40` to `v43` conditions from the packet.
    fn text(&self) -> String {
        let mut t = format!(
            "pipeline windows {{ map m0 \"table\" hash key 4 value 8 entries {}
             map m1 \"slots\" array key 4 value 16 entries 3
             v0 = const.i64 0 v1 = input.i16 packet_len v2 = const.i8 0 v3 = const.i8 {} v4 = const.i32 4 v5 = const.i64 8
             v6 = const.i64 3 v7 = const.i64 5 v8 = const.i32 3\n",
            self.entries, self.keys
        );
        for i in 0..6 {
            writeln!(
                t,
                "v{} = const.i64 {i} v{} = pkt_load.i8 v0 + v{} [{i}]",
                20 + i,
                10 + i,
                20 + i
            )
            .unwrap();
        }
        t += "v30 = and.i8 v10, v3 v31 = zext.i32 v30 v32 = and.i8 v11, v3 v33 = zext.i32 v32
              v40 = extract.i1 v12, 0 v41 = extract.i1 v12, 1 v42 = extract.i1 v12, 2 v43 = extract.i1 v12, 3
              v44 = zext.i64 v13 v45 = zext.i64 v14 v50 = map_lookup.m0 (v31)\n";
        let gone = if self.two_probes { 51 } else { 50 };
        if self.two_probes {
            t += "v51 = map_lookup.m0 (v33)\n";
        }
        let (entry, stored) = if self.insert { ("v53", "v55") } else { ("v50", "v43") };
        if self.insert {
            t += "v52 = map_insert.m0 v50, (v31) if v40 v53 = select.m0 v40, v52, v50 v55 = or.i1 v40, v43\n";
        }
        writeln!(t, "v56 = is_null.i1 v50 v57 = map_load.i64 m0 {entry} + v0 [0] v58 = select.i64 v56, v0, v57").unwrap();
        if self.two_probes {
            t += "v59 = map_load.i64 m0 v51 + v0 [0] v60 = add.i64 v58, v59\n";
        }
        let sum = if self.two_probes { "v60" } else { "v58" };
        match self.chained {
            true => writeln!(t, "v61 = extract.i32 {sum}, 0 v62 = and.i32 v61, v8").unwrap(),
            false => t += "v61 = zext.i32 v15 v62 = and.i32 v61, v8\n",
        }
        t += "v63 = map_lookup.m1 (v62) v64 = map_load.i64 m1 v63 + v0 [0] v65 = mul.i64 v64, v6 v66 = add.i64 v65, v44\n";
        writeln!(t, "v67 = mul.i64 {sum}, v7 v68 = add.i64 v67, v45 v69 = xor.i64 v68, v66")
            .unwrap();
        t += match self.atomic {
            // All within the stage in which the row is there.
            true => {
                "map_store m1 v63 + v0 [0], v44 if v42 v70 = atomic_add.i64 m1 v63 + v5 [8], v44\n"
            }
            false => "map_store m1 v63 + v0 [0], v69 if v42 v70 = const.i64 1\n",
        };
        writeln!(t, "map_store m0 {entry} + v0 [0], v68 if {stored}").unwrap();
        if self.remove {
            writeln!(t, "map_remove m0 v{gone} if v41").unwrap();
        }
        t += "v71 = xor.i64 v69, v70 v72 = extract.i32 v71, 0
              ret action v4 start v0 end v1 valid_end v1 redirect_map v2 redirect_key v72 }";
        t
    }

    /// Conditions under which a map's keys and rows change; some gates do without.
    fn may(&self, rng: &mut Rng) -> BTreeMap<(MapId, bool), Value> {
        let mut may = BTreeMap::new();
        let stored = if self.insert { 55 } else { 43 };
        for (map, rows, v) in [(0, false, 41), (0, true, stored), (1, true, 42)] {
            let always = map == 1 && self.atomic;
            if rng.below(3) > 0 && !always {
                may.insert((MapId::new(map), rows), Value::new(v));
            }
        }
        may
    }
}

/// Table entries before the first packet.
fn preload(maps: &mut MapSet, keys: &mut Keys, machine_rows: &mut Vec<(u64, Vec<u8>)>, n: u32) {
    for k in 0..n {
        let (key, value) = ((2 * k).to_le_bytes(), u64::from(100 + k).to_le_bytes());
        maps.update(0, &key, &value, 0).unwrap();
        keys.insert(key.to_vec(), u64::from(k) + 1);
        machine_rows.push((u64::from(k) + 1, value.to_vec()));
    }
}

/// How often the windows of a run made packets wait, and whether the table was full.
#[derive(Default)]
struct Seen {
    stalls: [u64; 2],
    gates: usize,
    nested: usize,
}

/// One program, one schedule, one trace.
fn check(seed: u64, seen: &mut Seen) {
    let mut rng = Rng(seed);
    let shape = Shape::random(&mut rng);
    let text = shape.text();
    let p = parse_pipeline(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let may = shape.may(&mut rng);
    let staged = loop {
        if let Some(staged) = stage_at_random(&p, &mut rng, &may) {
            break staged;
        }
    };
    let window = |g: &beeline_ir::pipeline::Gate| (g.stage, g.commit);
    seen.gates += staged.gates.len();
    seen.nested += staged.gates.windows(2).filter(|g| window(&g[1]).0 <= window(&g[0]).1).count();
    let mut maps = MapSet::from_decls(p.dfg.maps.values()).unwrap();
    let (mut keys, mut rows) = (Keys::new(), Vec::new());
    preload(
        &mut maps,
        &mut keys,
        &mut rows,
        rng.below(shape.entries.min(shape.keys / 2) + 1) as u32,
    );
    let mut expected_maps = maps.clone();
    let packets: Vec<Vec<u8>> =
        (0..60).map(|_| (0..16).map(|_| rng.below(256) as u8).collect()).collect();
    let arrivals = arrivals(&packets);
    let mut strict_maps = maps.clone();
    let mut traffic = Gaps(Rng(seed), seed % 4);
    let staged = validate_staged(staged).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let mut sim = PipelineSim::new(&staged);
    let run = sim.run(&arrivals, &mut maps, &mut traffic).unwrap();
    let mut traffic = Gaps(Rng(seed), seed % 4);
    let mut sim = PipelineSim::strict(&staged);
    let strict = sim.run(&arrivals, &mut strict_maps, &mut traffic).unwrap();
    assert_eq!((&run.departures, &run.stalls), (&strict.departures, &strict.stalls), "seed {seed}");
    let mut exec = PipelineExec::new(&validate_pipeline(p).unwrap_or_else(|e| panic!("{e}")));
    let staged = &*staged;
    for (n, arrival) in arrivals.iter().enumerate() {
        let mut packet = Packet::with(arrival.bytes).unwrap();
        let exit = exec.run(&arrival.inputs, &mut packet, &mut expected_maps).unwrap();
        let expected = Outcome::new(exit, &packet);
        let difference = compare(&expected, &run.outcome(n));
        assert_eq!(difference, None, "seed {seed}, packet {n}\n{staged}");
    }
    assert_eq!(compare_maps(&expected_maps, &maps), None, "seed {seed}\n{staged}");
    assert_eq!(compare_maps(&expected_maps, &strict_maps), None, "seed {seed}");
    compare_with_machine(seed, staged, &packets, keys, rows, &run, &maps);
    (0..2).for_each(|m| seen.stalls[m] += run.stalls.maps.get(m).copied().unwrap_or(0));
}

fn compare_with_machine(
    seed: u64,
    staged: &StagedPipeline,
    packets: &[Vec<u8>],
    keys: Keys,
    rows: Vec<(u64, Vec<u8>)>,
    run: &Run,
    maps: &MapSet,
) {
    let (table, slots) = (MapId::new(0), MapId::new(1));
    let mut machine = Machine::new(staged, BTreeMap::from([(table, keys)]));
    machine.rows.extend(rows.into_iter().map(|(e, v)| ((table, e), v)));
    let entering = run.departures.iter().zip(packets);
    machine.run(&entering.map(|(d, p)| (d.cycle_in + 1, p.clone())).collect::<Vec<_>>());
    let mut free = 0;
    for (n, (verdict, active)) in machine.done.iter().enumerate() {
        let redirect = run.departures[n].exit.redirect;
        let expected = Redirect::from_verdict(verdict[4], verdict[5] as u32);
        assert_eq!(redirect, Some(expected), "seed {seed}, packet {n} in the machine\n{staged}");
        assert_eq!(run.gate_cycles(n), machine.fired[n], "seed {seed}, packet {n}\n{staged}");
        // Visible two cycles after the last stage; one packet a cycle, and one cycle in the output register.
        free = (active + 3).max(free + 1);
        assert_eq!(run.departures[n].cycle_out, free, "seed {seed}, packet {n}\n{staged}");
    }
    if !staged.gates.is_empty() {
        assert_eq!(run.stalls.maps, machine.stalls, "seed {seed}\n{staged}");
    }
    assert_eq!(maps.dump(0), machine.dump(table), "seed {seed}\n{staged}");
    assert_eq!(maps.dump(1), machine.dump(slots), "seed {seed}\n{staged}");
}

/// Gaps of a chosen frequency before packets, no back-pressure.
struct Gaps(Rng, u64);

impl Traffic for Gaps {
    fn idle(&mut self, _: usize, _: usize) -> u32 {
        if self.0.below(4) < self.1 {
            self.0.below(5) as u32
        } else {
            0
        }
    }

    fn ready(&mut self, _: u64) -> bool {
        true
    }
}

#[test]
fn windows_are_sequential_and_exact_in_time() {
    let mut seen = Seen::default();
    let seeds = std::env::var("BEELINE_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(400);
    for seed in 0..seeds {
        check(seed, &mut seen);
    }
    assert!(seen.gates > 200 && seen.nested > 50, "{} gates, {} nested", seen.gates, seen.nested);
    assert!(seen.stalls.iter().all(|s| *s > 1000), "{:?}", seen.stalls);
}
