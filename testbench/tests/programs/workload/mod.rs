//! What each program is tried with: entries of its maps, and packets that reach all of its branches.

mod balancers;
mod filters;
mod packets;
mod parsers;
mod state;
mod tags;
mod telemetry;
mod tunnels;

use beeline_testbench::capture::TracePacket;
use beeline_testbench::traffic::Mix;
use serde_json::{json, Map, Value};

/// One program's trial.
pub struct Workload {
    /// Content of a map file.
    pub maps: Value,
    /// Packets that the kernel's test run keeps in one piece, too.
    pub packets: Vec<TracePacket>,
}

/// A program of `c/`.
pub struct Case {
    /// Source file without `.c`.
    pub name: &'static str,
    /// The entry, where the object has several.
    pub entry: Option<&'static str>,
    /// First ISA version that has what it uses.
    pub least_cpu: usize,
    /// True if clang makes code of it at `-O1` that the kernel's verifier refuses; ours must then refuse it, too.
    pub refused_at_o1: bool,
    /// Its workload.
    pub workload: fn() -> Workload,
}

const fn case(name: &'static str, workload: fn() -> Workload) -> Case {
    Case { name, entry: None, least_cpu: 1, refused_at_o1: false, workload }
}

const fn entry(name: &'static str, entry: &'static str, workload: fn() -> Workload) -> Case {
    Case { name, entry: Some(entry), least_cpu: 1, refused_at_o1: false, workload }
}

/// Every program.
pub const CASES: &[Case] = &[
    case("amp_filter", filters::amp_filter),
    Case { least_cpu: 3, ..case("atomics", state::atomics) },
    case("big_unrolled", parsers::big_unrolled),
    case("blocklist_lpm", filters::blocklist_lpm),
    case("bloom_seen", state::bloom_seen),
    case("conntrack", state::conntrack),
    case("core_types", parsers::core_types),
    Case { refused_at_o1: true, ..case("dns_cache", parsers::dns_cache) },
    case("fib_router", tunnels::fib_router),
    case("flow_ringbuf", telemetry::flow_ringbuf),
    case("frags_bytes", parsers::frags_bytes),
    case("fw_5tuple", filters::fw_5tuple),
    case("globals", parsers::globals),
    case("gre_tunnel", tunnels::gre_tunnel),
    case("heavy_hitters", telemetry::heavy_hitters),
    case("histograms", telemetry::histograms),
    Case { refused_at_o1: true, ..case("http_match", parsers::http_match) },
    case("iproute_elf_map", filters::iproute_elf_map),
    case("ipip_decap", tunnels::ipip_decap),
    case("ipv6_ext", parsers::ipv6_ext),
    case("lb_ipip", balancers::lb_ipip),
    case("legacy_acl", filters::legacy_acl),
    case("loop_scan", parsers::loop_scan),
    case("maglev_gue", balancers::maglev_gue),
    case("meta_mark", tags::meta_mark),
    case("mpls_switch", tags::mpls_switch),
    case("nat64", balancers::nat64),
    Case { refused_at_o1: true, ..case("payload_csum", parsers::payload_csum) },
    case("perf_sample", telemetry::perf_sample),
    case("port_pool", state::port_pool),
    case("quic_lb", balancers::quic_lb),
    case("rate_window", state::rate_window),
    case("redirect_all", tunnels::redirect_all),
    case("snat", balancers::snat),
    case("subprograms", parsers::subprograms),
    case("switchboard", parsers::switchboard),
    case("syn_proxy", filters::syn_proxy),
    entry("tail_chain", "chain_start", tags::tail_chain),
    entry("tail_parser", "tail_parser", tags::tail_parser),
    case("tcp_options", parsers::tcp_options),
    case("tenants", tags::tenants),
    case("token_bucket", state::token_bucket),
    case("vlan_qinq", tags::vlan_qinq),
    case("vxlan_gw", tunnels::vxlan_gw),
];

/// Entries of a map file under construction.
#[derive(Default)]
struct Maps(Map<String, Value>);

impl Maps {
    fn add(&mut self, map: &str, entry: Value) {
        let list = self.0.entry(map).or_insert_with(|| json!([]));
        list.as_array_mut().expect("every map is a list").push(entry);
    }

    /// An entry from the parts of its key and its value, in memory order.
    fn put(&mut self, map: &str, key: &[&[u8]], value: &[&[u8]]) {
        self.add(map, entry_of(key, value));
    }

    /// An entry of an array.
    fn at(&mut self, map: &str, index: u32, value: &[&[u8]]) {
        self.put(map, &[&index.to_le_bytes()], value);
    }

    /// A program in an array of programs.
    fn program(&mut self, map: &str, index: u32, program: &str) {
        self.add(map, json!({"key": hex(&index.to_le_bytes()), "program": program}));
    }

    /// The object's map `inner` in a map of maps.
    fn inner(&mut self, map: &str, key: &[u8], inner: &str) {
        self.add(map, json!({"key": hex(key), "map": inner}));
    }

    /// A map of its own, with `entries`, in a map of maps.
    fn inner_new(&mut self, map: &str, key: &[u8], entries: Vec<Value>) {
        self.add(map, json!({"key": hex(key), "map": entries}));
    }

    fn with(self, packets: Vec<TracePacket>) -> Workload {
        Workload { maps: Value::Object(self.0), packets }
    }
}

fn entry_of(key: &[&[u8]], value: &[&[u8]]) -> Value {
    json!({"key": hex(&key.concat()), "value": hex(&value.concat())})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A 32-bit number in memory.
fn le(n: u32) -> [u8; 4] {
    n.to_le_bytes()
}

/// A station of the site.
fn mac(n: u8) -> [u8; 6] {
    [2, 0xbe, 0xe1, 0, 0, n]
}

/// Addresses of the site.
fn addresses() -> Vec<[u8; 4]> {
    Mix::default().ipv4.iter().map(|a| a.octets()).collect()
}
