//! The settings that decide when an account is linked. Where safety differs from django-rest-social-auth, its way is a
//! setting, and the setting is a warning at start.

use serde_json::Value;

use super::SettingError;
use super::value::{self, Section};
use crate::clock::UnixMillis;

pub(super) struct Linking {
    pub needs_fresh_login: bool,
    pub without_authorization_request: bool,
    pub legacy_uids_until: Option<UnixMillis>,
}

pub(super) fn linking(section: &Section, errors: &mut Vec<SettingError>, warnings: &mut Vec<String>) -> Linking {
    let mut flag = |name: &str, default: bool| section.get(name, errors, value::flag).unwrap_or(default);
    let linking = Linking {
        needs_fresh_login: flag("LINK_NEEDS_FRESH_LOGIN", true),
        without_authorization_request: flag("LINK_WITHOUT_AUTHORIZATION_REQUEST", false),
        legacy_uids_until: section.get("LEGACY_UIDS_UNTIL", errors, date_or_time),
    };
    let mut warn = |name: &str, danger: &str| warnings.push(format!("{}: {danger}", section.label(name)));
    if !linking.needs_fresh_login {
        warn(
            "LINK_NEEDS_FRESH_LOGIN",
            "is off: a stolen credential of any age links an account that signs in for good",
        );
    }
    if linking.without_authorization_request {
        warn(
            "LINK_WITHOUT_AUTHORIZATION_REQUEST",
            "is on: a user who follows a link with an attacker's code has the attacker's account linked to theirs",
        );
    }
    linking
}

/// A date counts from its first moment in UTC.
fn date_or_time(value: &Value) -> Result<UnixMillis, String> {
    let text = value::text(value)?;
    let text = text.trim();
    let is_date = text.len() == "2027-03-01".len();
    let time =
        if is_date { UnixMillis::from_rfc3339(&format!("{text}T00:00:00Z")) } else { UnixMillis::from_rfc3339(text) };
    time.ok_or_else(|| "must be a date such as 2027-03-01, or an RFC 3339 time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_and_anything_else_an_error() {
        let read = |text: &str| date_or_time(&Value::from(text)).ok().map(UnixMillis::rfc3339);
        assert_eq!(read("2027-03-01"), Some("2027-03-01T00:00:00.000Z".to_owned()));
        assert_eq!(read("2027-03-01T12:00:00+02:00"), Some("2027-03-01T10:00:00.000Z".to_owned()));
        for wrong in ["2027-02-30", "2027-3-1", "tomorrow", "2027", "1800000000"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
