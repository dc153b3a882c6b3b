//! Which characters a username may have, at a sign-up and when a user changes it. As in Django: letters, digits and five signs.

use unicode_normalization::UnicodeNormalization as _;

use super::safe_text::is_invisible;

/// Maximum characters of a username, a first name or a last name: those of Django's columns.
pub const MAX_NAME_LEN: usize = 150;

/// The first `max_len` characters.
pub fn truncated(text: &str, max_len: usize) -> &str {
    text.char_indices().nth(max_len).map_or(text, |(end, _)| &text[..end])
}

/// Which letters and digits a username may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameCharacters {
    Ascii,
    Unicode,
}

impl UsernameCharacters {
    /// By CLEAN_USERNAMES.
    pub fn of(clean_usernames: bool) -> Self {
        if clean_usernames { Self::Ascii } else { Self::Unicode }
    }

    /// The form in which a username is stored. With ASCII alone nothing changes, otherwise it is NFKC, so that no two usernames look
    /// the same only because of their form.
    pub fn normalized(self, name: &str) -> String {
        match self {
            Self::Ascii => name.to_owned(),
            Self::Unicode => name.nfkc().collect(),
        }
    }

    /// Whether a normalized username may contain a character.
    pub fn allows(self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || "_.@+-".contains(c)
            || self == Self::Unicode && c.is_alphanumeric() && !is_invisible(c)
    }

    /// The normalized username without all other characters; may be empty.
    pub fn cleaned(self, name: &str) -> String {
        self.normalized(name).chars().filter(|c| self.allows(*c)).collect()
    }
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
            assert_eq!(UsernameCharacters::Ascii.cleaned(name), ascii, "{name:?}");
            let cleaned = UsernameCharacters::Unicode.cleaned(name);
            assert_eq!(cleaned, unicode, "{name:?}");
            assert_eq!(UsernameCharacters::Unicode.cleaned(&cleaned), cleaned, "{name:?} twice");
        }
    }
}
