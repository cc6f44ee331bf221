//! Which addresses a remote document may send us to. Metadata names endpoints; a hostile one names `169.254.169.254`,
//! a router, or a name that resolves to one. Under [`Reach::Public`] a connection goes only to globally reachable
//! unicast addresses, and the check is made on the very addresses that are connected to, in the resolver, so that a
//! name which changes its answer between check and use gains nothing. Addresses that embed an IPv4 address (mapped,
//! NAT64, 6to4) count as what they embed. Tables: IANA special-purpose address registries, read 2026-11.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether an address is globally reachable unicast, that is: on the internet and not on this machine, this network,
/// in documentation, or reserved.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Network and prefix length.
type V4Block = ([u8; 4], u32);

/// IANA IPv4 special-purpose registry, those not globally reachable, and multicast.
const V4_SPECIAL: [V4Block; 16] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // carrier-grade NAT; also what overlay networks use
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local; the clouds' metadata services
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // IETF protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relay, deprecated
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarking
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved
    ([255, 255, 255, 255], 32),
];

/// IANA IPv6 special-purpose registry inside global unicast 2000::/3, those not plainly globally reachable.
const V6_SPECIAL: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF assignments: Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !V4_SPECIAL.iter().any(|&(network, length)| {
        let mask = u32::MAX << (32 - length);
        bits & mask == u32::from_be_bytes(network) & mask
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = embedded_v4(address) {
        return is_public_v4(v4);
    }
    // Everything outside 2000::/3 is unassigned, local or multicast.
    if address.segments()[0] >> 13 != 1 {
        return false;
    }
    let bits = address.to_bits();
    !V6_SPECIAL.iter().any(|&(network, length)| {
        let mask = u128::MAX << (128 - length);
        bits & mask == network.to_bits() & mask
    })
}

/// The IPv4 address that packets to this one end up at.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let last = || Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7]));
    match s {
        [0, 0, 0, 0, 0, 0xffff, _, _] => Some(last()), // ::ffff:0:0/96 mapped (RFC 4291)
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last()), // 64:ff9b::/96 NAT64 (RFC 6052)
        [0x2002, high, low, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))), // 6to4 (RFC 3056)
        _ => None,
    }
}

/// What a host in a URL says before any resolver is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    /// An address, or a name that by RFC 6761 always means this machine.
    Address(IpAddr),
    /// A name to resolve.
    Name,
}

/// Reads the host of a URL. `url` has already brought decimal, octal, hexadecimal and short forms of IPv4 into one.
#[must_use]
pub fn literal(host: &url::Host<&str>) -> Literal {
    match host {
        url::Host::Ipv4(v4) => Literal::Address(IpAddr::V4(*v4)),
        url::Host::Ipv6(v6) => Literal::Address(IpAddr::V6(*v6)),
        url::Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name == "localhost" || name.ends_with(".localhost") {
                Literal::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))
            } else {
                Literal::Name
            }
        }
    }
}

/// Whether the host means this machine, by what is written.
#[must_use]
pub fn is_loopback(host: &url::Host<&str>) -> bool {
    match literal(host) {
        Literal::Address(IpAddr::V6(v6)) => {
            v6.is_loopback() || embedded_v4(v6).is_some_and(|v4| v4.is_loopback())
        }
        Literal::Address(IpAddr::V4(v4)) => v4.is_loopback(),
        Literal::Name => false,
    }
}

/// Marks that every address of a name was refused. Travels inside the HTTP client's error, found there by type.
#[derive(Debug, thiserror::Error)]
#[error("the name leads only to addresses that are not on the public internet")]
pub struct Refused;

/// Leaves the public addresses of an answer.
///
/// # Errors
/// [`Refused`] when the answer had addresses and none is public.
pub fn public_only(answer: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let mut some = false;
    let kept: Vec<_> = answer.inspect(|_| some = true).filter(|address| is_public(address.ip())).collect();
    if some && kept.is_empty() { Err(Refused) } else { Ok(kept) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address} passed");
        }
    }

    #[test]
    fn allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2001:200::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address} refused");
        }
    }

    #[test]
    fn hosts_as_written() {
        for (text, loopback, public_literal) in [
            ("http://localhost/", true, Some(false)),
            ("http://LOCALHOST./", true, Some(false)),
            ("http://app.localhost/", true, Some(false)),
            ("http://127.1/", true, Some(false)),
            ("http://0x7f000001/", true, Some(false)),
            ("http://2130706433/", true, Some(false)),
            ("http://017700000001/", true, Some(false)),
            ("http://[::1]/", true, Some(false)),
            ("http://[::ffff:127.0.0.1]/", true, Some(false)),
            ("http://169.254.169.254/", false, Some(false)),
            ("http://8.8.8.8/", false, Some(true)),
            ("http://localhost.example/", false, None),
        ] {
            let url = url::Url::parse(text).unwrap();
            let host = url.host().unwrap();
            assert_eq!(is_loopback(&host), loopback, "{text}");
            let public = match literal(&host) {
                Literal::Address(address) => Some(is_public(address)),
                Literal::Name => None,
            };
            assert_eq!(public, public_literal, "{text}");
        }
    }

    #[test]
    fn a_mixed_answer_keeps_the_public_part() {
        let answer = ["10.0.0.1:443", "8.8.8.8:443"].map(|a| a.parse().unwrap());
        assert_eq!(public_only(answer.into_iter()).unwrap(), ["8.8.8.8:443".parse().unwrap()]);
        let private = ["10.0.0.1:443", "[::1]:443"].map(|a| a.parse().unwrap());
        assert!(public_only(private.into_iter()).is_err());
        assert!(public_only(std::iter::empty()).unwrap().is_empty());
    }
}
