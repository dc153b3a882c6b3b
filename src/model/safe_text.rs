use unicode_normalization::UnicodeNormalization as _;

/// Whether a character steers whoever shows it, rather than being shown: control characters, and those that turn the
/// direction of writing.
pub fn is_bidi_or_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Somebody else's words without markup, control characters or URLs, and not too many of them (SEC-46).
pub fn sanitize_external_text(message: &str) -> String {
    let plain: String =
        message.chars().map(|c| if is_bidi_or_control(c) || "<>".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(300).collect()
}

/// A name for deny lists: names that most readers take for the same are equal. Never used to let somebody in.
pub fn resembled_name(name: &str) -> String {
    let is_shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    let folded: String = name.nfkc().filter(is_shown).flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
