//! Time limits in the document: the checked-in document has the defaults, the served document the values of the settings.

use std::time::Duration;

use serde_json::Value;

use crate::settings::{JwtRules, Settings};

/// Words of a description around a time limit.
struct Phrase {
    before: &'static str,
    /// The default.
    limit: &'static str,
    after: &'static str,
}

const ACCESS_LIFETIME: [Phrase; 2] = [
    Phrase { before: "The access token, ", limit: "five minutes", after: " long" },
    Phrase { before: "stays valid until it expires, at most ", limit: "five minutes", after: " by default" },
];
const CALL_TIMEOUT: Phrase = Phrase { before: "(", limit: "10 s", after: " a call" };

/// A phrase of the stock document.
pub struct Replacement {
    stock: String,
    own: String,
}

impl Phrase {
    /// `own`: the time limit of the settings.
    fn replacement(&self, own: &str) -> Replacement {
        let Self { before, limit, after } = self;
        let own_after = after.trim_end_matches(" by default");
        Replacement { stock: format!("{before}{limit}{after}"), own: format!("{before}{own}{own_after}") }
    }
}

/// A replacement for each time limit whose setting is not the default.
pub fn replacements(settings: &Settings) -> Vec<Replacement> {
    let mut replacements = Vec::new();
    let lifetime = settings.jwt.access_lifetime;
    if lifetime != JwtRules::default().access_lifetime {
        let own = spelled_out(lifetime);
        replacements.extend(ACCESS_LIFETIME.iter().map(|phrase| phrase.replacement(&own)));
    }
    let call = format!("{} s", seconds(settings.outgoing.timeout));
    if call != CALL_TIMEOUT.limit {
        replacements.push(CALL_TIMEOUT.replacement(&call));
    }
    replacements
}

/// Replaces the phrases in every description of the document.
pub fn replace_all(value: &mut Value, replacements: &[Replacement]) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        for Replacement { stock, own } in replacements {
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

/// A duration in the largest unit that divides it.
fn spelled_out(duration: Duration) -> String {
    let whole = duration.as_secs();
    if duration.subsec_nanos() != 0 {
        return format!("{} seconds", seconds(duration));
    }
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| whole.is_multiple_of(*size)).unwrap_or((1, "second"));
    let count = whole / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{DocumentFormat, DocumentOptions};

    #[test]
    fn a_duration_is_written_in_the_largest_unit_that_divides_it() {
        for (seconds, text) in
            [(300, "5 minutes"), (3600, "1 hour"), (90, "90 seconds"), (172_800, "2 days"), (1, "1 second")]
        {
            assert_eq!(spelled_out(Duration::from_secs(seconds)), text);
        }
        assert_eq!(spelled_out(Duration::from_millis(1500)), "1.5 seconds");
    }

    #[test]
    fn every_phrase_is_in_the_stock_document() {
        let stock: Value =
            serde_json::from_str(&DocumentOptions::default().document(DocumentFormat::Json)).expect("JSON");
        for phrase in ACCESS_LIFETIME.iter().chain([&CALL_TIMEOUT]) {
            let mut changed = stock.clone();
            let replacements = [phrase.replacement("another limit")];
            replace_all(&mut changed, &replacements);
            assert_ne!(changed, stock, "{}", replacements[0].stock);
        }
        assert!(
            !DocumentOptions::default()
                .document(DocumentFormat::Json)
                .replace("five minutes long", "")
                .contains("The access token, five")
        );
    }
}
