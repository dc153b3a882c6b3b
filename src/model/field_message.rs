//! Messages for invalid fields that several parsers have, as in Django REST framework.

pub const REQUIRED: &str = "This field is required.";
pub const BLANK: &str = "This field may not be blank.";
pub const NULL: &str = "This field may not be null.";
pub const NOT_TEXT: &str = "Not a valid string.";
pub const NUL_CHARACTER: &str = "Null characters are not allowed.";
pub const CONTROL_CHARACTER: &str = "Control characters are not allowed.";

/// `max_len`: in characters.
pub fn too_long(max_len: usize) -> String {
    format!("Ensure this field has no more than {max_len} characters.")
}
