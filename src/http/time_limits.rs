//! Time limits that the document names: the checked-in one has the defaults, the served one those of the settings.

use std::time::Duration;

use serde_json::Value;

use crate::settings::{JwtRules, Settings};

/// Phrases of the descriptions, each with the words before and after the time limit.
const ACCESS_LIFETIME: [(&str, &str, &str); 2] = [
    ("The access token, ", "five minutes", " long"),
    ("lives on until its own end, ", "five minutes", " at the most by default"),
];
const CALL_TIMEOUT: (&str, &str, &str) = ("(", "10 s", " a call");

/// A text of the stock document, and what stands in its place.
pub type Replacement = (String, String);

/// One for each time limit whose setting is not the default.
pub fn replacements(settings: &Settings) -> Vec<Replacement> {
    let mut replacements = Vec::new();
    let lifetime = settings.jwt.access_lifetime;
    if lifetime != JwtRules::default().access_lifetime {
        for (before, default, after) in ACCESS_LIFETIME {
            let limit = spelled_out(lifetime);
            let own_after = after.trim_end_matches(" by default");
            replacements.push((format!("{before}{default}{after}"), format!("{before}{limit}{own_after}")));
        }
    }
    let (before, default, after) = CALL_TIMEOUT;
    let call = format!("{} s", seconds(settings.outgoing.timeout));
    if call != default {
        replacements.push((format!("{before}{default}{after}"), format!("{before}{call}{after}")));
    }
    replacements
}

/// Replaces the texts in every description of the document.
pub fn replace_all(value: &mut Value, replacements: &[Replacement]) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        for (stock, own) in replacements {
                            if text.contains(stock) {
                                *text = text.replace(stock, own);
                            }
                        }
                    }
                    member => replace_all(member, replacements),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_all(item, replacements)),
        _ => {}
    }
}

/// A time limit in the largest unit that divides it.
fn spelled_out(span: Duration) -> String {
    let whole = span.as_secs();
    if span.subsec_nanos() != 0 {
        return format!("{} seconds", seconds(span));
    }
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| whole.is_multiple_of(*size)).unwrap_or((1, "second"));
    let count = whole / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn seconds(span: Duration) -> String {
    span.as_secs_f64().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{DocumentFormat, document};

    #[test]
    fn spans_are_written_in_the_largest_unit_that_divides_them() {
        for (span, text) in
            [(300, "5 minutes"), (3600, "1 hour"), (90, "90 seconds"), (172_800, "2 days"), (1, "1 second")]
        {
            assert_eq!(spelled_out(Duration::from_secs(span)), text);
        }
        assert_eq!(spelled_out(Duration::from_millis(1500)), "1.5 seconds");
    }

    /// A description that is worded anew must not fall out of the replacement.
    #[test]
    fn every_phrase_stands_in_the_stock_document() {
        let stock: Value = serde_json::from_str(&document(DocumentFormat::Json)).expect("JSON");
        for (before, default, after) in ACCESS_LIFETIME.into_iter().chain([CALL_TIMEOUT]) {
            let mut changed = stock.clone();
            let phrase = format!("{before}{default}{after}");
            replace_all(&mut changed, &[(phrase.clone(), "other".to_owned())]);
            assert_ne!(changed, stock, "{phrase}");
        }
        assert!(!document(DocumentFormat::Json).replace("five minutes long", "").contains("The access token, five"));
    }
}
