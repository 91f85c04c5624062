//! Where a request comes from, also behind servers that pass requests on. What such a server says of its caller is
//! believed from those that were named at the start, and from nobody else.

use super::super::App;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// The address of whoever makes a request.
pub struct Caller(pub IpAddr);

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(address(&app.settings.trusted_proxies, &parts.headers, &parts.extensions)))
    }
}

/// An address, or all that begin with the same bits (`10.0.0.0/8`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        let (a, b) = (number(self.first), number(address));
        self.first.is_ipv4() == address.is_ipv4() && a.checked_shr(128 - self.bits) == b.checked_shr(128 - self.bits)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("'{text}' is no address: expected one such as 10.0.0.5, or a network such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.trim().parse().map_err(|_| expected())?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.trim().parse()).map_err(|_| expected())?;
        if bits > all { Err(expected()) } else { Ok(Self { first, bits }) }
    }
}

/// The address's bits, those of the shorter kind first.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address behind a connection; behind trusted servers, the last one that none of them is. One for all where it is
/// not known.
pub fn address(trusted: &[Network], headers: &HeaderMap, known: &Extensions) -> IpAddr {
    let peer = known.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical());
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.has(address));
    if !is_trusted(peer) {
        return peer;
    }
    let mut last = peer;
    for told in passed_on(headers).into_iter().rev() {
        // What a trusted server could not name, or what stands before it, may be anything.
        let Some(address) = told else { break };
        last = address;
        if !is_trusted(address) {
            break;
        }
    }
    last
}

/// The addresses that servers on the way added, the first caller first; nothing where two headers tell different ones:
/// the caller may have sent one of them.
fn passed_on(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let plain = elements(headers, &FORWARDED_FOR).map(|text| told(&text)).collect::<Vec<_>>();
    let named = elements(headers, &FORWARDED).map(|text| {
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let mut address = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value);
        address.next().and_then(told)
    });
    let named = named.collect::<Vec<_>>();
    match (plain.is_empty(), named.is_empty()) {
        (false, false) if plain != named => Vec::new(),
        (true, _) => named,
        _ => plain,
    }
}

fn elements(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let values = headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default().to_owned());
    values.flat_map(|value| value.split(',').map(str::to_owned).collect::<Vec<_>>())
}

/// An address as such headers have it: plain, quoted, in brackets, with a port.
fn told(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[').and_then(|text| text.strip_suffix(']'))?.parse().ok();
    address.ok().or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTACKER: &str = "203.0.113.9";

    fn from(peer: &str, headers: &[(&HeaderName, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "::1", "192.0.2.1"].map(|text| text.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let mut known = Extensions::new();
        known.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        address(&trusted, &map, &known).to_string()
    }

    #[test]
    fn whoever_is_no_trusted_server_is_counted_by_the_connection_alone() {
        for header in [&FORWARDED_FOR, &FORWARDED] {
            for spoofed in ["198.51.100.1", "for=198.51.100.1", "10.0.0.1", "for=10.0.0.1"] {
                assert_eq!(from(ATTACKER, &[(header, spoofed)]), ATTACKER);
            }
        }
    }

    #[test]
    fn behind_trusted_servers_the_last_address_that_is_none_of_them_counts() {
        for (told, counted) in [
            ("203.0.113.9", ATTACKER),
            ("198.51.100.1, 203.0.113.9", ATTACKER),
            ("10.0.0.7, 203.0.113.9", ATTACKER),
            ("203.0.113.9, 10.2.3.4", ATTACKER),
            ("198.51.100.1, 203.0.113.9, 10.2.3.4 ,192.0.2.1", ATTACKER),
            ("203.0.113.9:80", ATTACKER),
            ("::ffff:203.0.113.9", ATTACKER),
            ("2001:db8::1", "2001:db8::1"),
            ("10.2.3.4", "10.2.3.4"),
        ] {
            assert_eq!(from("10.0.0.1", &[(&FORWARDED_FOR, told)]), counted, "{told}");
        }
        for (told, counted) in [
            ("for=203.0.113.9;proto=https;by=10.0.0.1", ATTACKER),
            ("for=198.51.100.1, For=\"203.0.113.9:4711\"", ATTACKER),
            ("for=\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
        ] {
            assert_eq!(from("10.0.0.1", &[(&FORWARDED, told)]), counted, "{told}");
        }
        assert_eq!(from("::1", &[(&FORWARDED_FOR, "198.51.100.1"), (&FORWARDED_FOR, ATTACKER)]), ATTACKER);
    }

    #[test]
    fn what_cannot_be_read_or_is_told_twice_counts_as_the_server_that_passed_it_on() {
        for told in ["", "unknown", "203.0.113.9, junk", "203.0.113.9,", "for=203.0.113.9"] {
            assert_eq!(from("10.0.0.1", &[(&FORWARDED_FOR, told)]), "10.0.0.1", "{told}");
        }
        for told in ["for=unknown", "for=_hidden", "proto=https", "203.0.113.9"] {
            assert_eq!(from("10.0.0.1", &[(&FORWARDED, told)]), "10.0.0.1", "{told}");
        }
        let both = |other: &str| from("10.0.0.1", &[(&FORWARDED_FOR, ATTACKER), (&FORWARDED, other)]);
        assert_eq!(both("for=198.51.100.1"), "10.0.0.1");
        assert_eq!(both("for=203.0.113.9"), ATTACKER);
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_network_is_an_address_with_or_without_its_number_of_bits() {
        let has = |network: &str, address: &str| network.parse::<Network>().unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "::1"));
        assert!(has("2001:db8::/32", "2001:db8:5::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
        for wrong in ["", "desk", "10.0.0.0/33", "::/129", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0.1:80"] {
            assert!(wrong.parse::<Network>().unwrap_err().contains("expected"), "{wrong}");
        }
    }
}
