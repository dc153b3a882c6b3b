//! Durations and moments in whole seconds, parsed from values of providers.

use serde_json::{Map, Value};

/// A whole number of seconds that another party sent: a duration, or a Unix time.
///
/// It lies between -[`Self::LIMIT`] and [`Self::LIMIT`], so that no later calculation with it can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(i64);

impl Seconds {
    /// 9999-12-31T23:59:59Z, the last time that RFC 3339 can represent.
    pub const LIMIT: i64 = 253_402_300_799;
    /// Maximum length of a text that is parsed as a number.
    const MAX_TEXT_LEN: usize = 40;

    /// Providers send integers, fractions and exponents, also as texts. A fraction is rounded down; a number beyond the limit
    /// becomes the limit. `None`: not a number.
    pub fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => {
                number.as_i64().map(Self::clamped).or_else(|| number.as_f64().and_then(Self::rounded))
            }
            Value::String(text) => Self::parse_text(text.trim()),
            _ => None,
        }
    }

    /// As [`Self::parse`], of a text.
    pub fn parse_text(text: &str) -> Option<Self> {
        // Rust also reads `inf` and `nan` as numbers.
        let is_decimal = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        if text.len() > Self::MAX_TEXT_LEN || !text.chars().all(is_decimal) {
            return None;
        }
        text.parse().ok().map(Self::clamped).or_else(|| text.parse().ok().and_then(Self::rounded))
    }

    /// The number of seconds.
    pub fn get(self) -> i64 {
        self.0
    }

    fn clamped(seconds: i64) -> Self {
        Self(seconds.clamp(-Self::LIMIT, Self::LIMIT))
    }

    fn rounded(seconds: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "a float that does not fit saturates, then it is clamped")]
        (!seconds.is_nan()).then(|| Self::clamped(seconds.floor() as i64))
    }
}

/// From here on a number is a Unix time, also a past one: 2001-09-09. As a duration it would be 31 years.
const MIN_UNIX_TIME: i64 = 1_000_000_000;

/// Remaining lifetime of a token in seconds, from the first of `sources` with a member for it. Zero or less: it has expired.
pub fn remaining_seconds(sources: &[Option<&Map<String, Value>>], now: i64) -> Option<i64> {
    let named = |name: &str| {
        let found = sources.iter().flatten().filter_map(|members| members.get(name)).find_map(Seconds::parse);
        found.map(Seconds::get)
    };
    if let Some(at) = named("expires_on") {
        return Some(at.saturating_sub(now));
    }
    let seconds = named("expires_in").or_else(|| named("expires"))?;
    // Some providers send a time, others a duration.
    Some(if seconds >= MIN_UNIX_TIME { seconds.saturating_sub(now) } else { seconds })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lifetime_that_is_over_is_not_endless() {
        const NOW: i64 = 1_800_000_000;
        for (members, remaining) in [
            (json!({"expires_in": 3600}), Some(3600)),
            (json!({"expires_in": "3599.5"}), Some(3599)),
            (json!({"expires_in": -5}), Some(-5)),
            (json!({"expires_in": 0}), Some(0)),
            (json!({"expires_in": 31_536_000}), Some(31_536_000)),
            (json!({"expires": NOW + 60}), Some(60)),
            (json!({"expires": NOW - 100}), Some(-100)),
            (json!({"expires_in": NOW - 100}), Some(-100)),
            (json!({"expires_on": (NOW - 100).to_string()}), Some(-100)),
            (json!({"expires_on": NOW + 60, "expires_in": -5}), Some(60)),
            (json!({"expires_in": null, "expires": 60}), Some(60)),
            (json!({"expires_in": ""}), None),
            (json!({}), None),
        ] {
            assert_eq!(remaining_seconds(&[members.as_object()], NOW), remaining, "{members}");
        }
    }

    #[test]
    fn fault_c14_every_form_of_a_number_of_seconds_is_parsed() {
        for (value, seconds) in [
            (json!(3600), 3600),
            (json!(3599.5), 3599),
            (json!("3600"), 3600),
            (json!(" 3600 "), 3600),
            (json!("3600.0"), 3600),
            (json!("3599.99"), 3599),
            (json!(1e3), 1000),
            (json!("1e3"), 1000),
            (json!("3.6E3"), 3600),
            (json!("+60"), 60),
            (json!(0), 0),
            (json!(-0.5), -1),
            (json!("-60"), -60),
            (json!(i64::MAX), Seconds::LIMIT),
            (json!(i64::MIN), -Seconds::LIMIT),
            (json!(u64::MAX), Seconds::LIMIT),
            (json!(1e300), Seconds::LIMIT),
            (json!("1e999"), Seconds::LIMIT),
            (json!("99999999999999999999999"), Seconds::LIMIT),
        ] {
            assert_eq!(Seconds::parse(&value), Some(Seconds(seconds)), "{value}");
        }
        for value in [
            json!(null),
            json!(true),
            json!(""),
            json!("  "),
            json!("inf"),
            json!("NaN"),
            json!("0x10"),
            json!("1_000"),
            json!("an hour"),
            json!("e"),
            json!("1,5"),
            json!([3600]),
            json!({"seconds": 1}),
            json!("1".repeat(400)),
        ] {
            assert_eq!(Seconds::parse(&value), None, "{value}");
        }
    }
}
