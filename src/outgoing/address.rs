//! Which addresses may be called, decided when a connection is made, so that a name that resolves anew decides nothing
//! (SEC-37). Used by the client alone; literal addresses in a URL are held against the same rule before the call.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which half of the world a client may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressPolicy {
    /// Public addresses: the rule.
    Public,
    /// All of them: TLS with OUTGOING_ALLOW_PRIVATE.
    Any,
    /// Private and loopback ones: plain http with OUTGOING_ALLOW_PRIVATE.
    Private,
}

impl AddressPolicy {
    pub(super) fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Any => true,
            Self::Private => !is_public(address),
        }
    }

    /// Why an address is not permitted.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::Private => "plain http is for private and loopback addresses",
            Self::Public | Self::Any => "private, loopback and special addresses are refused",
        }
    }
}

/// What the resolver answers when every address of a name is refused.
#[derive(Debug)]
pub(super) struct Refused(pub(super) &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

/// The system's resolver, with the refused addresses taken out.
pub(super) struct Guard {
    pub(super) reach: AddressPolicy,
    /// Host names of the proxies, which may stand anywhere.
    pub(super) proxies: Arc<HashSet<String>>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = if self.proxies.contains(name.as_str()) { AddressPolicy::Any } else { self.reach };
        Box::pin(async move {
            // Port 0 is replaced by the one of the URL.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let none_found = found.is_empty();
            let permitted: Vec<SocketAddr> = found.into_iter().filter(|found| reach.permits(found.ip())).collect();
            if permitted.is_empty() && !none_found {
                return Err(Refused(reach.refusal()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The IANA special-purpose registry, multicast, and the one metadata service that sits on a public address.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    !matches!(
        (a, b, c, d),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, ..)
            | (169, 254, ..)
            | (172, 16..=31, ..)
            | (192, 0, 0 | 2, _)
            | (192, 88, 99, _)
            | (192, 168, ..)
            | (198, 18 | 19, ..)
            | (198, 51, 100, _)
            | (203, 0, 113, _)
            | (168, 63, 129, 16)
    )
}

/// Global unicast is 2000::/3. Everything outside is refused: loopback, unspecified, v4-mapped and v4-compatible, NAT64
/// (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, site-local, multicast. So is what lies inside but carries
/// another address or names none: Teredo and the other protocol assignments (2001::/23), 6to4, documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..=0x3fff).contains(&a)
        && !(a == 0x2001 && b < 0x0200)
        && !(a == 0x2001 && b == 0x0db8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec37_special_addresses_are_not_public() {
        for refused in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = refused.parse().expect(refused);
            assert!(!AddressPolicy::Public.permits(address), "{refused}");
            assert!(AddressPolicy::Private.permits(address), "{refused}");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for public in ["8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"] {
            let address: IpAddr = public.parse().expect(public);
            assert!(AddressPolicy::Public.permits(address), "{public}");
            assert!(!AddressPolicy::Private.permits(address), "{public}");
        }
    }
}
