//! The host's tables in a map file: `$links`, `$fib`, `$neighbours`, `$sockets` (`docs/formats.md`).

use beeline_sim::host::{
    Host, Link, Mac, Neighbour, Protocol, Route, RouteKind, Socket, SocketState,
};
use serde_json::{Map, Value as Json};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Names of all tables, for messages.
const NAMES: &str = "$links, $fib, $neighbours, $sockets";

/// Reads the table called `$name` into `host`.
///
/// # Errors
/// Place and message.
pub(super) fn read(name: &str, list: &Json, host: &mut Host) -> Result<(), (String, String)> {
    let table = format!("table ${name}");
    let Json::Array(list) = list else {
        return Err((table, "expected an array of entries".into()));
    };
    for (i, entry) in list.iter().enumerate() {
        let at = |message: String| (format!("{table}, entry {i}"), message);
        let Json::Object(fields) = entry else { return Err(at("expected an object".into())) };
        let mut entry = Entry { fields, seen: Vec::new() };
        match name {
            "links" => entry.link().map(|l| host.links.push(l)),
            "fib" => entry.route().map(|r| host.routes.push(r)),
            "neighbours" => entry.neighbour().map(|n| host.neighbours.push(n)),
            "sockets" => entry.socket().map(|s| host.sockets.push(s)),
            _ => return Err((table, format!("there is no such table; the tables are: {NAMES}"))),
        }
        .and_then(|()| entry.finish())
        .map_err(at)?;
    }
    Ok(())
}

/// One entry, with the fields that have been asked for.
struct Entry<'a> {
    fields: &'a Map<String, Json>,
    seen: Vec<&'static str>,
}

impl Entry<'_> {
    fn value(&mut self, name: &'static str) -> Option<&Json> {
        self.seen.push(name);
        self.fields.get(name)
    }

    /// A field that is text of a form that `T` has.
    fn text<T: FromStr>(&mut self, name: &'static str, form: &str) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let parsed = value.as_str().and_then(|t| t.parse().ok());
        parsed.map(Some).ok_or_else(|| format!("`{name}` is not {form}: {value}"))
    }

    fn number(&mut self, name: &'static str) -> Result<Option<u32>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let parsed = value.as_u64().and_then(|n| u32::try_from(n).ok());
        parsed.map(Some).ok_or_else(|| format!("`{name}` is not a number of 32 bits: {value}"))
    }

    fn mac(&mut self, name: &'static str) -> Result<Option<Mac>, String> {
        Ok(self.text::<MacText>(name, "an Ethernet address like 02:00:00:00:00:01")?.map(|m| m.0))
    }

    fn ip(&mut self, name: &'static str) -> Result<Option<IpAddr>, String> {
        self.text(name, "an IP address")
    }

    /// One of the words that `values` lists.
    fn word<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let found = values.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, v)| Some(*v)).ok_or_else(|| {
            let words: Vec<&str> = values.iter().map(|(w, _)| *w).collect();
            format!("`{name}` is {value}; it can be: {}", words.join(", "))
        })
    }

    fn link(&mut self) -> Result<Link, String> {
        let mut link = Link::new(needed("ifindex", self.number("ifindex")?)?);
        link.mac = self.mac("mac")?.unwrap_or(link.mac);
        link.mtu = self.number("mtu")?.unwrap_or(link.mtu);
        if let Some(value) = self.value("forwarding") {
            link.forwarding = value
                .as_bool()
                .ok_or_else(|| format!("`forwarding` is not true or false: {value}"))?;
        }
        Ok(link)
    }

    fn route(&mut self) -> Result<Route, String> {
        const KINDS: [(&str, RouteKind); 5] = [
            ("unicast", RouteKind::Unicast),
            ("local", RouteKind::Local),
            ("blackhole", RouteKind::Blackhole),
            ("unreachable", RouteKind::Unreachable),
            ("prohibit", RouteKind::Prohibit),
        ];
        let prefix: Prefix =
            needed("dst", self.text("dst", "a network like 10.0.0.0/8 or 2001:db8::/32")?)?;
        let kind = self.word("type", &KINDS)?.unwrap_or(RouteKind::Unicast);
        let ifindex = self.number("ifindex")?;
        let ifindex = match kind {
            RouteKind::Unicast => needed("ifindex", ifindex)?,
            _ => ifindex.unwrap_or(0),
        };
        let table = if kind == RouteKind::Local { 255 } else { 254 };
        Ok(Route {
            network: prefix.0,
            prefix_len: prefix.1,
            kind,
            via: self.ip("via")?,
            ifindex,
            table: self.number("table")?.unwrap_or(table),
            metric: self.number("metric")?.unwrap_or(0),
            source: self.ip("src")?,
            mtu: self.number("mtu")?,
        })
    }

    fn neighbour(&mut self) -> Result<Neighbour, String> {
        Ok(Neighbour {
            ip: needed("ip", self.ip("ip")?)?,
            ifindex: needed("ifindex", self.number("ifindex")?)?,
            mac: needed("mac", self.mac("mac")?)?,
        })
    }

    fn socket(&mut self) -> Result<Socket, String> {
        const STATES: [(&str, SocketState); 5] = [
            ("established", SocketState::Established),
            ("syn-received", SocketState::SynReceived),
            ("time-wait", SocketState::TimeWait),
            ("close", SocketState::Close),
            ("listen", SocketState::Listen),
        ];
        let form = "an address with port like 10.0.0.1:80 or [2001:db8::1]:80";
        let protocol = needed(
            "protocol",
            self.word("protocol", &[("tcp", Protocol::Tcp), ("udp", Protocol::Udp)])?,
        )?;
        let local: SocketAddr = needed("local", self.text("local", form)?)?;
        let remote: Option<SocketAddr> = self.text("remote", form)?;
        let usual = match (protocol, remote) {
            (_, Some(_)) => SocketState::Established,
            (Protocol::Tcp, None) => SocketState::Listen,
            (Protocol::Udp, None) => SocketState::Close,
        };
        Ok(Socket {
            protocol,
            local,
            remote,
            state: self.word("state", &STATES)?.unwrap_or(usual),
            mark: self.number("mark")?.unwrap_or(0),
            bound_ifindex: self.number("bound_ifindex")?.unwrap_or(0),
        })
    }

    /// Refuses fields that nobody has asked for.
    fn finish(&self) -> Result<(), String> {
        match self.fields.keys().find(|k| !self.seen.contains(&k.as_str())) {
            Some(k) => {
                Err(format!("there is no field `{k}`; the fields are: {}", self.seen.join(", ")))
            }
            None => Ok(()),
        }
    }
}

fn needed<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}

struct MacText(Mac);

impl FromStr for MacText {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes: Vec<u8> = text
            .split(':')
            .map(|b| u8::from_str_radix(b, 16).map_err(|_| ()))
            .collect::<Result<_, _>>()?;
        bytes.try_into().map(MacText).map_err(|_| ())
    }
}

struct Prefix(IpAddr, u8);

impl FromStr for Prefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, len) = text.split_once('/').ok_or(())?;
        let ip: IpAddr = ip.parse().map_err(|_| ())?;
        let len = len.parse().map_err(|_| ())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        if len <= most {
            Ok(Prefix(ip, len))
        } else {
            Err(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Host, (String, String)> {
        let mut host = Host::default();
        let Json::Object(tables) = serde_json::from_str(text).unwrap() else { panic!("no object") };
        for (name, list) in &tables {
            read(name, list, &mut host)?;
        }
        Ok(host)
    }

    #[test]
    fn tables_are_read() {
        let host = parse(
            r#"{"links":[{"ifindex":2,"mac":"02:00:00:00:00:0a","mtu":9000,"forwarding":false}],
                "fib":[{"dst":"10.1.0.0/16","via":"10.0.0.1","ifindex":2,"metric":7},{"dst":"::/0","type":"blackhole"}],
                "neighbours":[{"ip":"10.0.0.1","ifindex":2,"mac":"02:00:00:00:00:0b"}],
                "sockets":[{"protocol":"tcp","local":"0.0.0.0:80"},{"protocol":"udp","local":"[::1]:53","remote":"[::2]:9"}]}"#,
        )
        .unwrap();
        assert_eq!(host.links[0].mac, [2, 0, 0, 0, 0, 10]);
        assert_eq!((host.links[0].mtu, host.links[0].forwarding), (9000, false));
        assert_eq!(
            (host.routes[0].prefix_len, host.routes[0].table, host.routes[0].metric),
            (16, 254, 7)
        );
        assert_eq!(host.routes[1].kind, RouteKind::Blackhole);
        assert_eq!(host.neighbours[0].ifindex, 2);
        assert_eq!(host.sockets[0].state, SocketState::Listen);
        assert_eq!(host.sockets[1].state, SocketState::Established);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text| parse(text).unwrap_err();
        let (at, what) = message(r#"{"fib":[{"dst":"10.0.0.0/33","ifindex":2}]}"#);
        assert_eq!(at, "table $fib, entry 0");
        assert!(what.starts_with("`dst` is not a network like"), "{what}");
        assert_eq!(message(r#"{"fib":[{"dst":"10.0.0.0/3"}]}"#).1, "`ifindex` is missing");
        assert!(message(r#"{"fib":[{"dst":"::/0","type":"x"}]}"#).1.contains("it can be: unicast"));
        assert!(message(r#"{"links":[{"ifindex":1,"mtuu":1}]}"#).1.contains("no field `mtuu`"));
        assert!(message(r#"{"arp":[{}]}"#).1.contains("the tables are: $links"));
    }
}
