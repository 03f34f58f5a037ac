//! Helpers that ask the host: in a network namespace of its own, set up with `ip`, the kernel's tables hold what the
//! interpreter's do. Skipped with a notice where that is not possible.

use super::both::{argument, below, reachable, Both};
use beeline_sim::host::{Host, Link, Neighbour, Protocol, Route, RouteKind, Socket, SocketState};
use beeline_testbench::traffic::Rng;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::Command;

/// Runs `test` in a thread with its own network namespace.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        if !reachable() {
            return;
        }
        // SAFETY: the call takes no pointers; it changes the namespace of this thread only, which ends with the test.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            println!("notice: skipped: no network namespace of its own");
            return;
        }
        if !ip("link set lo up") {
            println!("notice: skipped: no `ip`");
            return;
        }
        test();
    });
    thread.join().unwrap();
}

/// Runs `ip` with these arguments; false if it cannot be run.
fn ip(arguments: &str) -> bool {
    match Command::new("ip").args(arguments.split_whitespace()).output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "ip {arguments}: {error}");
            true
        }
        Err(_) => false,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs `ip route` for a route and gives the same for the interpreter.
fn route(to: &str, rest: &str, fields: Route) -> Route {
    let (network, len) = to.split_once('/').unwrap();
    let kind = match fields.kind {
        RouteKind::Unicast => "unicast",
        RouteKind::Local => "local",
        RouteKind::Blackhole => "blackhole",
        RouteKind::Unreachable => "unreachable",
        RouteKind::Prohibit => "prohibit",
    };
    let family = if to.contains(':') { "-6" } else { "-4" };
    let source = fields.source.map_or(String::new(), |s| format!("src {s}"));
    let metric =
        if fields.metric > 0 { format!("metric {}", fields.metric) } else { String::new() };
    let mtu = fields.mtu.map_or(String::new(), |m| format!("mtu {m}"));
    let table = fields.table;
    ip(&format!("{family} route add {kind} {to} {rest} table {table} {source} {metric} {mtu}"));
    Route { network: address(network), prefix_len: len.parse().unwrap(), ..fields }
}

const PLAIN: Route = Route {
    network: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    prefix_len: 0,
    kind: RouteKind::Unicast,
    via: None,
    ifindex: 2,
    table: 254,
    metric: 0,
    source: None,
    mtu: None,
};

fn link(ifindex: u32, mac: [u8; 6], mtu: u32, forwarding: bool) -> Link {
    Link { ifindex, mac, mtu, forwarding }
}

/// Two pairs of interfaces, routes of every kind, neighbours; and the same as tables.
fn network() -> Host {
    ip("link add name port1 index 10 address 02:00:00:00:00:0a type veth peer name port2 index 11 address 02:00:00:00:00:0b");
    ip("link add name port3 index 12 address 02:00:00:00:00:0c mtu 1400 type veth peer name port4 index 13 address 02:00:00:00:00:0d");
    for name in ["port1", "port2", "port3", "port4"] {
        ip(&format!("link set {name} up"));
    }
    ip("addr add 10.0.0.1/24 dev port1");
    ip("addr add 10.0.1.1/24 dev port3");
    ip("-6 addr add 2001:db8:a::1/64 dev port1 nodad");
    for name in ["port1", "port2", "port3"] {
        std::fs::write(format!("/proc/sys/net/ipv4/conf/{name}/forwarding"), "1").unwrap();
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/forwarding"), "1").unwrap();
    }
    for name in ["port4", "lo"] {
        std::fs::write(format!("/proc/sys/net/ipv4/conf/{name}/forwarding"), "0").unwrap();
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/forwarding"), "0").unwrap();
    }
    ip("neigh add 10.0.0.2 dev port1 lladdr 02:01:00:00:00:02 nud permanent");
    ip("neigh add 10.0.1.2 dev port3 lladdr 02:01:00:00:01:02 nud permanent");
    ip("-6 neigh add 2001:db8:a::2 dev port1 lladdr 02:01:00:00:00:62 nud permanent");
    let via = |ip: &str| Some(address(ip));
    let mut routes = vec![
        Route {
            network: address("10.0.0.0"),
            prefix_len: 24,
            ifindex: 10,
            source: via("10.0.0.1"),
            ..PLAIN
        },
        Route {
            network: address("10.0.1.0"),
            prefix_len: 24,
            ifindex: 12,
            source: via("10.0.1.1"),
            ..PLAIN
        },
        Route {
            network: address("10.0.0.1"),
            prefix_len: 32,
            kind: RouteKind::Local,
            table: 255,
            ..PLAIN
        },
        Route {
            network: address("10.0.1.1"),
            prefix_len: 32,
            kind: RouteKind::Local,
            table: 255,
            ..PLAIN
        },
        Route {
            network: address("2001:db8:a::"),
            prefix_len: 64,
            ifindex: 10,
            metric: 256,
            source: via("2001:db8:a::1"),
            ..PLAIN
        },
        Route {
            network: address("2001:db8:a::1"),
            prefix_len: 128,
            kind: RouteKind::Local,
            table: 255,
            ..PLAIN
        },
    ];
    let a = Route { ifindex: 10, source: via("10.0.0.1"), ..PLAIN };
    routes.push(route(
        "172.16.0.0/12",
        "via 10.0.0.2 dev port1",
        Route { via: via("10.0.0.2"), ..a.clone() },
    ));
    routes.push(route(
        "172.16.1.0/24",
        "via 10.0.1.2 dev port3",
        Route { via: via("10.0.1.2"), ifindex: 12, metric: 5, source: via("10.0.1.1"), ..PLAIN },
    ));
    routes.push(route(
        "172.16.1.0/24",
        "via 10.0.0.2 dev port1",
        Route { via: via("10.0.0.2"), metric: 9, ..a.clone() },
    ));
    routes.push(route(
        "172.16.2.0/24",
        "via 10.0.0.9 dev port1",
        Route { via: via("10.0.0.9"), ..a.clone() },
    ));
    routes.push(route(
        "172.16.4.0/24",
        "via 10.0.0.2 dev port1",
        Route { via: via("10.0.0.2"), table: 77, ..a },
    ));
    for (kind, third) in
        [(RouteKind::Blackhole, 5), (RouteKind::Unreachable, 6), (RouteKind::Prohibit, 7)]
    {
        routes.push(route(&format!("172.16.{third}.0/24"), "", Route { kind, ..PLAIN }));
        routes.push(route(
            &format!("2001:db8:{third}::/48"),
            "",
            Route { kind, metric: 1024, ..PLAIN },
        ));
    }
    let six = Route { ifindex: 10, metric: 1024, via: via("2001:db8:a::2"), ..PLAIN };
    routes.push(route(
        "2001:db8:1::/48",
        "via 2001:db8:a::2 dev port1",
        Route { source: via("2001:db8:a::1"), ..six.clone() },
    ));
    routes.push(route(
        "2001:db8:2::/48",
        "via 2001:db8:a::2 dev port1",
        Route { table: 77, source: via("2001:db8:a::1"), ..six },
    ));
    let neighbour = |text: &str, ifindex, last, before| Neighbour {
        ip: address(text),
        ifindex,
        mac: [2, 1, 0, 0, before, last],
    };
    Host {
        links: vec![
            link(1, [0; 6], 65536, false),
            link(10, [2, 0, 0, 0, 0, 10], 1500, true),
            link(11, [2, 0, 0, 0, 0, 11], 1500, true),
            link(12, [2, 0, 0, 0, 0, 12], 1400, true),
            link(13, [2, 0, 0, 0, 0, 13], 1500, false),
        ],
        routes,
        neighbours: vec![
            neighbour("10.0.0.2", 10, 2, 0),
            neighbour("10.0.1.2", 12, 2, 1),
            neighbour("2001:db8:a::2", 10, 0x62, 0),
        ],
        sockets: Vec::new(),
    }
}

/// `struct bpf_fib_lookup` and flags as argument words.
fn question(
    family: u8,
    len: u16,
    ifindex: u32,
    table: u32,
    destination: IpAddr,
    flags: u64,
) -> Vec<u64> {
    let mut raw = [0u8; 72];
    raw[0] = family;
    raw[6..8].copy_from_slice(&len.to_le_bytes());
    raw[8..12].copy_from_slice(&ifindex.to_le_bytes());
    match destination {
        IpAddr::V4(ip) => raw[32..36].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => raw[32..48].copy_from_slice(&ip.octets()),
    }
    raw[48..52].copy_from_slice(&table.to_le_bytes());
    raw[64..].copy_from_slice(&flags.to_le_bytes());
    raw.chunks(8).map(|w| u64::from_le_bytes(w.try_into().unwrap())).collect()
}

#[test]
fn routes_are_found_as_by_the_kernel() {
    in_namespace(|| {
        let host = network();
        let mut both = Both::new("packet", "fib");
        both.set_host(host);
        let destinations = [
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.1",
            "10.0.1.2",
            "172.16.0.1",
            "172.16.1.1",
            "172.16.2.1",
            "172.16.4.1",
            "172.16.5.1",
            "172.16.6.1",
            "172.16.7.1",
            "192.0.2.1",
            "2001:db8:a::2",
            "2001:db8:a::3",
            "2001:db8:a::1",
            "2001:db8:1::5",
            "2001:db8:2::5",
            "2001:db8:5::1",
            "2001:db8:6::1",
            "2001:db8:7::1",
            "2001:db9::1",
            "fe80::1",
            "ff02::1",
        ];
        for text in destinations {
            let to = address(text);
            let family = if to.is_ipv4() { 2 } else { 10 };
            for ifindex in [0, 1, 10, 11, 12, 13, 99] {
                // MARK (32) changes the meaning of smac, which is not compared with rules here; OUTPUT (2) binds to the interface.
                for flags in [0, 1, 4, 9, 16, 20, 21, 64, 1 << 20] {
                    for (len, table) in [(0, 0), (1400, 77), (1401, 254), (1501, 999)] {
                        both.check(&question(family, len, ifindex, table, to, flags));
                    }
                }
            }
        }
        both.check(&question(7, 0, 10, 0, address("10.0.0.2"), 0));
    });
}

#[test]
fn lengths_are_checked_against_the_mtu() {
    in_namespace(|| {
        let host = network();
        let mut both = Both::new("packet", "mtu");
        both.set_host(host);
        let mut rng = Rng::new(19);
        for ifindex in [0, 1, 10, 12, 99, u64::MAX] {
            for len in [0, 1, 1386, 1400, 1401, 1500, 1501, 65536] {
                for difference in [0i64, 1, -1, 1144, 1145, 1158, 1159] {
                    both.check(&[ifindex, len, difference as u64, below(&mut rng, 9) / 8]);
                }
            }
        }
        for _ in 0..500 {
            both.check(&[
                [0, 10, 12][below(&mut rng, 3) as usize],
                argument(&mut rng),
                argument(&mut rng),
                0,
            ]);
        }
    });
}

#[test]
fn sockets_are_found_by_their_addresses() {
    in_namespace(|| {
        let tcp = TcpListener::bind("127.0.0.1:8080").unwrap();
        let any = TcpListener::bind("0.0.0.0:9090").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:5353").unwrap();
        let client = std::net::TcpStream::connect("127.0.0.1:8080").unwrap();
        let (server, _) = tcp.accept().unwrap();
        let socket = |protocol, local, remote, state| Socket {
            protocol,
            local,
            remote,
            state,
            mark: 0,
            bound_ifindex: 0,
        };
        let mut host = Host::default();
        for listener in [&tcp, &any] {
            host.sockets.push(socket(
                Protocol::Tcp,
                listener.local_addr().unwrap(),
                None,
                SocketState::Listen,
            ));
        }
        for stream in [&client, &server] {
            let remote = stream.peer_addr().unwrap();
            host.sockets.push(socket(
                Protocol::Tcp,
                stream.local_addr().unwrap(),
                Some(remote),
                SocketState::Established,
            ));
        }
        host.sockets.push(socket(
            Protocol::Udp,
            udp.local_addr().unwrap(),
            None,
            SocketState::Close,
        ));
        let mut both = Both::new("memory", "lookup_sockets");
        both.set_host(host);
        let port = client.local_addr().unwrap().port();
        let mut found = 0;
        for remote in [port, 1] {
            for local in [8080, 9090, 5353, 7, port] {
                for to in [[127, 0, 0, 1], [127, 0, 0, 2], [10, 9, 9, 9]] {
                    for netns in [-1i64, 0, -5, 0xffff_ffff, 1 << 31] {
                        for (flags, small) in [(0, 1), (1, 1), (0, 0)] {
                            let mut tuple = [0u8; 40];
                            tuple[..4].copy_from_slice(&[127, 0, 0, 1]);
                            tuple[4..8].copy_from_slice(&to);
                            tuple[8..10].copy_from_slice(&remote.to_be_bytes());
                            tuple[10..12].copy_from_slice(&u16::to_be_bytes(local));
                            let word = |w: &[u8]| u64::from_le_bytes(w.try_into().unwrap());
                            let mut args: Vec<u64> = tuple.chunks(8).map(word).collect();
                            args.extend([netns as u64, flags, small]);
                            found += usize::from(both.check(&args).word(5) == 1);
                        }
                    }
                }
            }
        }
        assert!(found > 5, "{found} sockets found");
    });
}
