/// Whether a character steers whoever shows it, rather than being shown: control characters, and those that turn the
/// direction of writing.
pub fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Somebody else's words without markup, control characters or URLs, and not too many of them (SEC-46).
pub fn harmless(message: &str) -> String {
    let plain: String = message.chars().map(|c| if steers(c) || "<>".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(300).collect()
}
