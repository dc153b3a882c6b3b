//! Makes external text safe to show, and comparable.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization as _;

/// Whether a character is a control character or changes the direction of writing.
pub fn is_bidi_or_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text of several lines may not contain the character.
pub fn is_forbidden_in_text(c: char) -> bool {
    is_bidi_or_control(c) && !matches!(c, '\t' | '\n' | '\r')
}

/// Makes a name from elsewhere safe to show in a terminal, a log and a header of an e-mail: on one line, without characters that
/// change the direction of writing.
pub fn clean_name(name: &mut String) {
    if name.contains(is_bidi_or_control) {
        let shown = name.chars().filter(|c| c.is_whitespace() || !is_bidi_or_control(*c)).collect::<String>();
        *name = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Whether a screen shows nothing for a character.
pub fn is_invisible(c: char) -> bool {
    let is_ignorable = || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    // The blank Braille pattern, and interlinear annotation marks.
    c.is_whitespace() || c.is_control() || matches!(c, '\u{2800}' | '\u{fff9}'..='\u{fffb}') || is_ignorable()
}

/// Maximum characters of a sanitized text.
const MAX_EXTERNAL_TEXT_LEN: usize = 300;

/// Removes markup, control characters and URLs from external text, and limits its length (SEC-46).
pub fn sanitize_external_text(message: &str) -> String {
    let plain: String =
        message.chars().map(|c| if is_bidi_or_control(c) || "<>".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(MAX_EXTERNAL_TEXT_LEN).collect()
}

/// The form in which names are compared with a deny list: names that look the same are equal. Never used to allow a login.
pub fn deny_list_key(name: &str) -> String {
    let is_shown = |c: &char| c.is_whitespace() || !is_invisible(*c);
    let folded: String = name.nfkc().filter(is_shown).flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_do_not_pass_a_deny_list() {
        for name in [
            "EVIL",
            "ev\u{ad}il",
            "evil\u{3164}",
            "evil\u{ffa0}",
            "evil\u{115f}",
            "evil\u{180e}",
            "ev\u{2800}il",
            "evil\u{e0020}",
            " evil\u{2028}",
        ] {
            assert_eq!(deny_list_key(name), "evil", "{name:?}");
        }
        assert_eq!(deny_list_key("not\tevil"), "not evil");
    }

    #[test]
    fn a_name_from_elsewhere_is_one_line_of_visible_characters() {
        for (name, clean) in [
            ("Ana  Lo\u{301}pez ", "Ana  Lo\u{301}pez "),
            ("A\u{1b}[31m B\r\nBcc: x", "A[31m B Bcc: x"),
            ("\u{202e}evil\u{2066}\u{61c}", "evil"),
            ("a\0b\tc", "ab c"),
            ("\u{7}", ""),
        ] {
            let mut name = name.to_owned();
            clean_name(&mut name);
            assert_eq!(name, clean);
        }
    }
}
