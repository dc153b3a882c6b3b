//! OTEL_EXPORTER_OTLP_ENDPOINT and TRACE_SAMPLE_PERCENT.

use serde_json::Value;
use url::Url;

use super::setting_reader::{self, SettingReader};

/// Which requests are traced, and where their spans are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceRules {
    /// Where spans are posted; `None`: nowhere.
    pub endpoint: Option<Url>,
    /// TRACE_SAMPLE_PERCENT: of the requests without a `traceparent`.
    pub sample_percent: u16,
}

pub(super) fn traces(reader: &mut SettingReader) -> TraceRules {
    let endpoint = reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    TraceRules { endpoint, sample_percent: reader.integer("TRACE_SAMPLE_PERCENT") }
}

/// The address of traces below the base URL, as the specification of OTLP says.
fn endpoint(value: &Value) -> Result<Url, String> {
    let problem = || "must be the http or https URL of a collector, such as http://127.0.0.1:4318".to_owned();
    let text = setting_reader::text(value)?;
    let url = Url::parse(&format!("{}/v1/traces", text.trim_end_matches('/'))).map_err(|_| problem())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if is_plain && is_web { Ok(url) } else { Err(problem()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_are_posted_below_the_base_url() {
        let of = |text: &str| endpoint(&json!(text)).map(String::from);
        for text in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/"] {
            assert_eq!(of(text), Ok("http://127.0.0.1:4318/v1/traces".to_owned()));
        }
        assert_eq!(of("https://otel.example/base"), Ok("https://otel.example/base/v1/traces".to_owned()));
        for bad in ["127.0.0.1:4318", "ftp://otel.example", "http://u:p@otel.example", "http://otel.example/?a=b"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
