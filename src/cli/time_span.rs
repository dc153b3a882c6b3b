//! Time spans and times in arguments: `90d`, `2026-11-24T12:00:00Z`.

use std::time::Duration;

use crate::clock::UnixMillis;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    Ago(Duration),
    At(UnixMillis),
}

impl When {
    pub fn resolve(self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::Ago(span) => now.minus(span),
            Self::At(time) => time,
        }
    }
}

/// A number with a unit, such as `90d`. A number alone is an error, because its unit is unknown.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let error = || "must be a time span with a unit, such as 12h, 90d or 2w".to_owned();
    // humantime accepts a bare 0.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error());
    }
    humantime::parse_duration(text).map_err(|_| error())
}

pub(super) fn parse_when(text: &str) -> Result<When, String> {
    if let Some(time) = UnixMillis::from_rfc3339(text) {
        return Ok(When::At(time));
    }
    let error = |_| "must be a time such as 2026-11-24T12:00:00Z, or an age such as 90d".to_owned();
    parse_age(text).map(When::Ago).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_needs_a_unit() {
        for (text, seconds) in [("90d", 90 * 86_400), ("0s", 0), ("2h", 7200), ("5m", 300), ("2w", 14 * 86_400)] {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "0", "90", "d", "-1d", "1.5x", "9z", "99999999999999999999d", "1ä", "18446744073709551615w"]
        {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_rfc_3339_or_an_age() {
        assert_eq!(parse_when("2026-11-24T12:00:00Z"), Ok(When::At(UnixMillis(1_795_521_600_000))));
        assert_eq!(parse_when("2026-11-24T14:00:00+02:00"), parse_when("2026-11-24T12:00:00Z"));
        assert_eq!(parse_when("2h"), Ok(When::Ago(Duration::from_secs(7200))));
        for wrong in ["", "yesterday", "2026-11-24", "12:00", "2"] {
            assert!(parse_when(wrong).is_err(), "{wrong}");
        }
    }
}
