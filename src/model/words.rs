/// Somebody else's words without markup, control characters or URLs, and not too many of them (SEC-46).
pub fn harmless(message: &str) -> String {
    let plain: String = message.chars().map(|c| if c.is_control() || "<>".contains(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(300).collect()
}
