//! Which IP addresses may be called (SEC-37). The resolver checks them when a connection is made, so a later change of DNS has
//! no effect. Literal addresses in a URL are checked before the call.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses a client may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressPolicy {
    /// Public addresses only, the default.
    Public,
    /// All addresses: `https` with OUTGOING_ALLOW_PRIVATE.
    Any,
    /// Private and loopback addresses only: `http` with OUTGOING_ALLOW_PRIVATE.
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

    /// The reason for the error message.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::Private => "plain http is allowed only to private and loopback addresses",
            Self::Public | Self::Any => "private, loopback and special-purpose addresses are not allowed",
        }
    }
}

/// The error of the resolver when no address of a name is allowed.
#[derive(Debug)]
pub(super) struct Refused(pub(super) &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

/// The system's resolver, without the addresses that are not allowed.
pub(super) struct Resolver {
    pub(super) policy: AddressPolicy,
    /// Host names of the proxies, whose addresses are not restricted.
    pub(super) proxies: Arc<HashSet<String>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = if self.proxies.contains(name.as_str()) { AddressPolicy::Any } else { self.policy };
        Box::pin(async move {
            // reqwest replaces port 0 by that of the URL.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let none_found = found.is_empty();
            let permitted: Vec<SocketAddr> = found.into_iter().filter(|found| policy.permits(found.ip())).collect();
            if permitted.is_empty() && !none_found {
                return Err(Refused(policy.refusal()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// Resolves every name to the address of the provider simulator.
pub(super) struct SimulatorResolver(pub(super) SocketAddr);

impl Resolve for SimulatorResolver {
    fn resolve(&self, _name: Name) -> Resolving {
        // reqwest keeps a port other than 0 unless the URL names one.
        let found = std::iter::once(self.0);
        Box::pin(async move { Ok(Box::new(found) as Addrs) })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Excludes the IANA special-purpose registry, multicast, and the metadata service that has a public address (168.63.129.16).
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

/// Only global unicast (2000::/3) is public. That excludes loopback, unspecified, v4-mapped and v4-compatible addresses, NAT64
/// (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, site-local and multicast. Within 2000::/3, the protocol
/// assignments such as Teredo (2001::/23), 6to4 and documentation are excluded.
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
    fn sec37_special_purpose_addresses_are_not_public() {
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
