//! The network of a client's address: what limits by address count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network whose addresses have one limit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// One IPv4 address.
    Address(Ipv4Addr),
    /// An IPv6 /64: it belongs to one caller, who can use each of its addresses.
    Subnet([u16; 4]),
    /// An IPv6 /48: it may belong to one caller or to many.
    Site([u16; 3]),
    /// The callers whose address is not known.
    Unknown,
}

impl Network {
    /// Limit of an IPv6 /48, in limits of one address. A /48 may belong to one caller, who then has 65,536 networks of the size
    /// /64, or to many.
    pub const SITE_SHARES: u32 = 2;

    /// The smallest network that belongs to one caller: the address in IPv4, the /64 in IPv6. An IPv4 address in IPv6 form counts
    /// as the IPv4 address: all translated callers would have one /64.
    pub fn of(address: Option<IpAddr>) -> Self {
        match address {
            Some(IpAddr::V4(address)) => Self::Address(address),
            Some(IpAddr::V6(address)) => match (ipv4_in(address), address.segments()) {
                (Some(address), _) => Self::Address(address),
                (None, [a, b, c, d, ..]) => Self::Subnet([a, b, c, d]),
            },
            None => Self::Unknown,
        }
    }

    /// [`Self::of`] an address in text form, such as [`ClientInfo::ip`](super::ClientInfo::ip).
    pub fn of_text(address: Option<&str>) -> Self {
        Self::of(address.and_then(|address| address.parse().ok()))
    }

    /// The networks under which a caller of this network is counted, the smallest one first: each has a limit of its own, see
    /// [`Self::shares`]. An IPv6 /64 also counts under its /48.
    pub fn counted(self) -> impl Iterator<Item = Self> {
        let site = match self {
            Self::Subnet([a, b, c, _]) => Some(Self::Site([a, b, c])),
            _ => None,
        };
        std::iter::once(self).chain(site)
    }

    /// The limit of this network, in limits of one address.
    pub fn shares(self) -> u32 {
        if matches!(self, Self::Site(_)) { Self::SITE_SHARES } else { 1 }
    }
}

/// The IPv4 address in its last 32 bits, where one is: mapped (`::ffff:a.b.c.d`), translated by a NAT64 (64:ff9b::/96, RFC 6052,
/// and 64:ff9b:1::/48 with a prefix of 96 bits, RFC 8215), or by SIIT (`::ffff:0:a.b.c.d`, RFC 2765).
fn ipv4_in(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., high, low] = address.segments();
    let is_ipv4 = matches!(
        address.segments(),
        [0, 0, 0, 0, 0, 0xffff, ..]
            | [0, 0, 0, 0, 0xffff, 0, ..]
            | [0x64, 0xff9b, 0, 0, 0, 0, ..]
            | [0x64, 0xff9b, 1, _, _, _, ..]
    );
    is_ipv4.then(|| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = |a, b, c, d| Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
        match *self {
            Self::Address(address) => address.fmt(f),
            Self::Subnet([a, b, c, d]) => write!(f, "{}/64", v6(a, b, c, d)),
            Self::Site([a, b, c]) => write!(f, "{}/48", v6(a, b, c, 0)),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_43_an_address_belongs_to_one_network() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("64:ff9b::192.0.2.7", "192.0.2.7"),
            ("64:ff9b:1:fffe::192.0.2.7", "192.0.2.7"),
            ("::ffff:0:192.0.2.7", "192.0.2.7"),
            ("64:ff9b:2::192.0.2.7", "64:ff9b:2::/64"),
            ("64:ff9b:0:1::192.0.2.7", "64:ff9b:0:1::/64"),
            ("::192.0.2.7", "::/64"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
            ("not an address", "unknown"),
        ] {
            assert_eq!(Network::of_text(Some(address)).to_string(), network, "{address}");
        }
        assert_eq!(Network::of(None), Network::Unknown);
    }

    #[test]
    fn sec_43_an_ipv6_caller_is_counted_under_two_networks() {
        for (address, counted) in [
            ("192.0.2.7", vec![("192.0.2.7", 1)]),
            ("2001:db8:1:2::1", vec![("2001:db8:1:2::/64", 1), ("2001:db8:1::/48", Network::SITE_SHARES)]),
            ("not an address", vec![("unknown", 1)]),
        ] {
            let networks = Network::of_text(Some(address)).counted();
            let named: Vec<_> = networks.map(|network| (network.to_string(), network.shares())).collect();
            let expected: Vec<_> = counted.iter().map(|(text, shares)| ((*text).to_owned(), *shares)).collect();
            assert_eq!(named, expected, "{address}");
        }
    }
}
