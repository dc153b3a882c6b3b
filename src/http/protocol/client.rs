//! The client's address (X-Forwarded-For of trusted proxies) and User-Agent, for the audit log and for rows of credentials.

use std::net::{IpAddr, SocketAddr};

use poem::Request;
use poem::http::{HeaderValue, header};

use super::request_id::current_request_id;
use crate::model::{ClientInfo, is_bidi_or_control};
use crate::settings::Settings;

const MAX_USER_AGENT_CHARS: usize = 255;

/// The client of a request.
pub fn client_info(request: &Request) -> ClientInfo {
    client_info_from(client_address(request), request.headers().get(header::USER_AGENT))
}

/// A client with this address and User-Agent.
pub fn client_info_from(address: Option<IpAddr>, user_agent: Option<&HeaderValue>) -> ClientInfo {
    let printable = |c: char| if is_bidi_or_control(c) { char::REPLACEMENT_CHARACTER } else { c };
    let agent = user_agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let agent = agent.map(|agent| agent.chars().take(MAX_USER_AGENT_CHARS).map(printable).collect());
    ClientInfo { ip: address.map(|address| address.to_string()), agent, request_id: current_request_id() }
}

/// The client's address as a trusted proxy forwarded it. Stored in the request's extensions.
#[derive(Clone, Copy)]
struct ForwardedAddress(IpAddr);

/// The forwarded address, else the address of the TCP connection.
pub fn client_address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ForwardedAddress>().map(|forwarded| forwarded.0).or_else(|| peer_address(request))
}

/// Whether one of TRUSTED_PROXIES sent the request.
pub fn is_from_trusted_proxy(settings: &Settings, request: &Request) -> bool {
    peer_address(request).is_some_and(|peer| is_trusted_proxy(settings, peer))
}

/// Reads `X-Forwarded-For` of a request from one of TRUSTED_PROXIES: the client is the last address there that is not a
/// trusted proxy. The caller may have written what stands before it (SEC-43).
pub fn note_forwarded_address(settings: &Settings, request: &mut Request) {
    if !is_from_trusted_proxy(settings, request) {
        return;
    }
    let lines = request.headers().get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // An element of a list may be empty (RFC 9110, 5.6.1.2).
    let mut hops = hops.filter(|hop| !hop.trim_ascii().is_empty()).map_while(address_of_hop);
    let mut farthest_proxy = None;
    let client = hops.find(|hop| {
        farthest_proxy = Some(*hop);
        !is_trusted_proxy(settings, *hop)
    });
    if let Some(address) = client.or(farthest_proxy) {
        request.extensions_mut().insert(ForwardedAddress(address));
    }
}

fn is_trusted_proxy(settings: &Settings, address: IpAddr) -> bool {
    settings.trusted_proxies.iter().any(|network| network.contains(&address))
}

fn peer_address(request: &Request) -> Option<IpAddr> {
    request.remote_addr().as_socket_addr().map(|peer| peer.ip().to_canonical())
}

/// An address with or without a port; an IPv6 address with or without brackets.
fn address_of_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_may_have_a_port_and_brackets() {
        for (text, address) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:443", "192.0.2.7"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("unknown", ""),
        ] {
            assert_eq!(address_of_hop(text.as_bytes()), address.parse().ok(), "{text}");
        }
    }
}
