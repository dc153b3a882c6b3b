//! Which characters a username may have, at a sign-up and when a user changes it. As in Django: letters, digits and five signs.

use unicode_normalization::UnicodeNormalization as _;

use super::safe_text::is_invisible;

/// Maximum characters of a username, a first name or a last name: those of Django's columns.
pub const MAX_NAME_LEN: usize = 150;

/// The first `max_len` characters.
pub fn truncated(text: &str, max_len: usize) -> &str {
    text.char_indices().nth(max_len).map_or(text, |(end, _)| &text[..end])
}

/// The form in which a username is stored. With `ascii` (CLEAN_USERNAMES) nothing changes, otherwise it is NFKC, so that no two
/// usernames look the same only because of their form.
pub fn normalized_username(name: &str, ascii: bool) -> String {
    if ascii { name.to_owned() } else { name.nfkc().collect() }
}

/// Whether a normalized username may contain a character. `ascii`: only letters and digits of ASCII.
pub fn is_username_char(c: char, ascii: bool) -> bool {
    c.is_ascii_alphanumeric() || "_.@+-".contains(c) || !ascii && c.is_alphanumeric() && !is_invisible(c)
}

/// The normalized username without all other characters; may be empty.
pub fn cleaned_username(name: &str, ascii: bool) -> String {
    normalized_username(name, ascii).chars().filter(|c| is_username_char(*c, ascii)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_username_has_invisible_characters_or_a_second_form() {
        for (name, ascii, unicode) in [
            ("admin", "admin", "admin"),
            ("\u{ff41}\u{ff44}min", "min", "admin"),
            ("admin\u{200b}", "admin", "admin"),
            ("\u{202e}admin\u{2066}", "admin", "admin"),
            ("ad\u{ad}min\u{fe0f}", "admin", "admin"),
            ("x\r\ny\0", "xy", "xy"),
            (" a b\u{a0}", "ab", "ab"),
            ("e\u{301}ve", "eve", "\u{e9}ve"),
            ("\u{fb01}sh", "sh", "fish"),
            ("\u{3164}\u{ffa0}", "", ""),
            ("   ", "", ""),
            ("<b>", "b", "b"),
            ("\u{674e}_.@+-", "_.@+-", "\u{674e}_.@+-"),
        ] {
            assert_eq!(cleaned_username(name, true), ascii, "{name:?}");
            let cleaned = cleaned_username(name, false);
            assert_eq!(cleaned, unicode, "{name:?}");
            assert_eq!(cleaned_username(&cleaned, false), cleaned, "{name:?} twice");
        }
    }
}
