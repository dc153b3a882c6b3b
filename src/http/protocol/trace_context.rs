//! The trace of a request (W3C Trace Context): from `traceparent` of a trusted proxy, or a new one of a sampled request.

use data_encoding::HEXLOWER;
use poem::Request;

use super::client::is_from_trusted_proxy;
use crate::clock::Deps;
use crate::settings::Settings;

/// The trace of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hex digits; `None`: the request has no trace.
    pub trace_id: Option<String>,
    /// The span of the proxy, 16 hex digits.
    pub parent_id: Option<String>,
    /// Whether the spans of the request are sent to a collector.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Other callers than TRUSTED_PROXIES must not choose ids that log and traces contain.
    pub fn of(settings: &Settings, request: &Request, deps: &Deps) -> Self {
        let is_exported = settings.traces.endpoint.is_some();
        let mut headers = request.headers().get_all("traceparent").iter();
        if let (Some(header), None) = (headers.next(), headers.next())
            && is_from_trusted_proxy(settings, request)
            && let Some(context) = header.to_str().ok().and_then(parsed)
        {
            return Self { is_sampled: context.is_sampled && is_exported, ..context };
        }
        let is_sampled = is_exported && u16::from_be_bytes(deps.bytes()) % 100 < settings.traces.sample_percent;
        Self { trace_id: is_sampled.then(|| HEXLOWER.encode(&deps.bytes::<16>())), parent_id: None, is_sampled }
    }
}

/// `version-trace-parent-flags`. A later version may have further parts.
fn parsed(header: &str) -> Option<TraceContext> {
    let parts: Vec<&str> = header.trim().split('-').collect();
    let (&[version, trace_id, parent_id, flags], further) = parts.split_first_chunk::<4>()?;
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_id = |text: &str, len: usize| is_hex(text, len) && text.bytes().any(|byte| byte != b'0');
    let is_version = is_hex(version, 2) && version != "ff" && (further.is_empty() || version != "00");
    if !is_version || !is_id(trace_id, 32) || !is_id(parent_id, 16) || !is_hex(flags, 2) {
        return None;
    }
    let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    Some(TraceContext { trace_id: Some(trace_id.to_owned()), parent_id: Some(parent_id.to_owned()), is_sampled })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparent_is_read_as_w3c_trace_context_says() {
        let found = parsed(&format!("00-{TRACE}-{PARENT}-01")).expect("a context");
        assert_eq!((found.trace_id.as_deref(), found.parent_id.as_deref()), (Some(TRACE), Some(PARENT)));
        assert!(found.is_sampled);
        assert!(parsed(&format!("00-{TRACE}-{PARENT}-00")).is_some_and(|found| !found.is_sampled));
        assert!(parsed(&format!("cc-{TRACE}-{PARENT}-03-what-ever")).is_some_and(|found| found.is_sampled));
        for bad in [
            "",
            &format!("ff-{TRACE}-{PARENT}-01"),
            &format!("00-{TRACE}-{PARENT}-01-more"),
            &format!("00-{TRACE}-{PARENT}"),
            &format!("00-{}-{PARENT}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            &format!("00-{TRACE}\n-{PARENT}-01"),
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }
}
