//! Account ids of providers.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

use super::safe_text::is_invisible;

/// The stable id of an account at its provider.
///
/// A text or an integer of the provider's answer, stored exactly: ` x` and `x` are two accounts. Texts that programs write for
/// a missing value are rejected, since all accounts without an id would share them (R-PIPE-02).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountUid(String);

/// Why a text is not an account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Without the characters that a screen does not show, nothing is left.
    #[error("it is blank or has only invisible characters")]
    Blank,
    /// `None`, `null`, `0` and the like, or no letter and no digit.
    #[error("it is a placeholder for a missing value")]
    MissingValue,
    /// More than [`AccountUid::MAX_LEN`] characters.
    #[error("it is longer than 255 characters")]
    TooLong,
    /// PostgreSQL cannot store it.
    #[error("it has a null character")]
    NullCharacter,
    /// U+FFFD, which replaces what was not UTF-8: two ids may have become one.
    #[error("it has a character that could not be read")]
    ReplacementCharacter,
}

impl AccountUid {
    /// Characters, as the column in Django holds them.
    pub const MAX_LEN: usize = 255;

    /// How languages and their JSON libraries write a missing value or a boolean, in lower case.
    const MISSING_VALUES: [&str; 17] = [
        "none",
        "null",
        "nil",
        "undefined",
        "unknown",
        "nan",
        "true",
        "false",
        "n/a",
        "(null)",
        "(none)",
        "<null>",
        "<none>",
        "<nil>",
        "[object object]",
        "[object undefined]",
        "[object null]",
    ];

    /// Checks an id that is a text.
    ///
    /// Errors: [`UidError`].
    pub fn parse(text: &str) -> Result<Self, UidError> {
        // Without the characters that a screen does not show, and as ASCII where it looks like ASCII.
        let visible: String = text.nfkc().filter(|c| !is_invisible(*c)).collect();
        if text.contains('\0') {
            Err(UidError::NullCharacter)
        } else if visible.is_empty() {
            Err(UidError::Blank)
        } else if is_zero(&visible) || Self::MISSING_VALUES.iter().any(|word| is_word(&visible, text, word)) {
            Err(UidError::MissingValue)
        } else if text.contains(char::REPLACEMENT_CHARACTER) {
            // Two different ids may have become one text.
            Err(UidError::ReplacementCharacter)
        } else if !visible.chars().any(char::is_alphanumeric) {
            Err(UidError::MissingValue)
        } else if text.chars().count() > Self::MAX_LEN {
            Err(UidError::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The id in a JSON value; `None`: it is neither a text nor an integer, or not an id.
    pub fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text).ok(),
            Value::Number(number) if number.is_i64() || number.is_u64() => Self::parse(&number.to_string()).ok(),
            _ => None,
        }
    }

    /// The id as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 0 is the integer that programs without an optional integer write for a missing id, and the nil UUID (RFC 9562, 5.9) has only
/// zeros. OpenID Connect allows `sub` to be `0`, but no provider numbers its users from there.
fn is_zero(visible: &str) -> bool {
    let digits = visible.strip_prefix("urn:uuid:").unwrap_or(visible);
    digits.contains('0') && digits.chars().all(|c| matches!(c, '0' | '-' | '+' | '.' | '{' | '}'))
}

/// `visible` lacks the spaces inside the text, which the word may have.
fn is_word(visible: &str, text: &str, word: &str) -> bool {
    visible.eq_ignore_ascii_case(word) || text.trim().eq_ignore_ascii_case(word)
}

impl Deref for AccountUid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<AccountUid> for String {
    fn eq(&self, other: &AccountUid) -> bool {
        *self == other.0
    }
}

impl PartialEq<&str> for AccountUid {
    fn eq(&self, other: &&str) -> bool {
        self.0 == **other
    }
}

impl fmt::Display for AccountUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountUid {
    type Error = UidError;

    fn try_from(text: String) -> Result<Self, UidError> {
        Self::parse(&text)
    }
}

impl From<AccountUid> for String {
    fn from(uid: AccountUid) -> Self {
        uid.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fault_a26_an_id_is_a_text_or_an_integer_and_is_stored_exactly() {
        for (value, uid) in [
            (json!("x"), "x"),
            (json!(" x"), " x"),
            (json!("X"), "X"),
            (json!(7), "7"),
            (json!(-7), "-7"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!("123456789012345678901234567890"), "123456789012345678901234567890"),
            (json!("1.5"), "1.5"),
            (json!("nonesuch"), "nonesuch"),
            (json!("trueman"), "trueman"),
            (json!("a\u{200d}b"), "a\u{200d}b"),
            (json!("10"), "10"),
            (json!("00u1"), "00u1"),
            (json!("0x0"), "0x0"),
        ] {
            assert_eq!(AccountUid::of_json(&value).as_deref(), Some(uid), "{value}");
        }
    }

    #[test]
    fn fault_a26_invalid_ids_are_rejected() {
        for value in [
            json!(null),
            json!(true),
            json!(false),
            json!(1.5),
            json!(1.0),
            json!(1e3),
            json!([1]),
            json!(["a"]),
            json!({"a": 1}),
            json!(""),
            json!("  "),
            json!("\t\n"),
            json!("\u{a0}\u{2003}\u{3000}"),
            json!("\u{200b}\u{200d}\u{2060}\u{feff}"),
            json!("\u{ad}\u{34f}\u{3164}\u{115f}\u{ffa0}\u{2800}\u{e0020}\u{fe0f}\u{202e}"),
            json!("None"),
            json!(" none "),
            json!("NULL"),
            json!("\u{ff2e}\u{ff35}\u{ff2c}\u{ff2c}"),
            json!("unknown"),
            json!("-"),
            json!("[ ]"),
            json!("null\u{200b}"),
            json!("undefined"),
            json!("NaN"),
            json!("True"),
            json!("false"),
            json!("[object Object]"),
            json!("(none)"),
            json!("{}"),
            json!(0),
            json!("0"),
            json!(" 0 "),
            json!("-0"),
            json!("0\u{200b}"),
            json!("000"),
            json!("0.0"),
            json!("00000000-0000-0000-0000-000000000000"),
            json!("{00000000-0000-0000-0000-000000000000}"),
            json!("urn:uuid:00000000-0000-0000-0000-000000000000"),
            json!("00000000000000000000000000000000"),
            json!("a\0b"),
            json!("a\u{fffd}"),
            json!("x".repeat(256)),
        ] {
            assert_eq!(AccountUid::of_json(&value), None, "{value}");
        }
    }
}
