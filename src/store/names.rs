//! The length of the name columns, as in Django.

/// Characters of a username, a first name or a last name.
pub(super) const MAX_NAME_LEN: usize = 150;

/// The first `max_len` characters.
pub(super) fn truncated(text: &str, max_len: usize) -> &str {
    text.char_indices().nth(max_len).map_or(text, |(end, _)| &text[..end])
}
