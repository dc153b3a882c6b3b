//! What an application attaches to a login when it begins: `data`, for its own code, pipeline steps and webhooks, and
//! `app_state`, for the page that the user returns to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request_fields::Fields;
use crate::model::field_message;

/// Maximum length of `data` as JSON without spaces, in bytes.
const MAX_DATA_LEN: usize = 2048;
/// Maximum nesting of `data`. JSON parsers limit it too, and `data` is stored inside other objects.
const MAX_DATA_DEPTH: usize = 16;
/// Maximum characters of `app_state`.
const MAX_APP_STATE_LEN: usize = 512;

/// The application's own values of one login.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppContext {
    /// An object of at most 2 KB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
    /// A text of at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_state: Option<String>,
}

impl AppContext {
    /// The members `data` and `app_state` of a request; errors are added to `errors`.
    pub fn read(fields: &Fields, errors: &mut Vec<(String, String)>) -> Self {
        let data = fields.object("data", errors);
        errors.extend(data.as_ref().and_then(data_problem).map(|problem| ("data".to_owned(), problem)));
        let app_state = fields.optional("app_state", errors);
        errors
            .extend(app_state.as_deref().and_then(app_state_problem).map(|problem| ("app_state".to_owned(), problem)));
        Self { data, app_state }
    }
}

fn data_problem(data: &Map<String, Value>) -> Option<String> {
    // The depth first: the object is not written before it is known to be flat enough.
    if data.values().any(|value| !has_depth(value, MAX_DATA_DEPTH - 1)) {
        return Some(format!("Must have at most {MAX_DATA_DEPTH} levels."));
    }
    let len = serde_json::to_vec(data).map_or(usize::MAX, |json| json.len());
    (len > MAX_DATA_LEN).then(|| format!("Must have at most {MAX_DATA_LEN} bytes as JSON."))
}

fn app_state_problem(text: &str) -> Option<String> {
    if text.chars().count() > MAX_APP_STATE_LEN {
        return Some(field_message::too_long(MAX_APP_STATE_LEN));
    }
    text.contains(char::is_control).then(|| field_message::CONTROL_CHARACTER.to_owned())
}

/// Whether the value has at most `levels` nested objects and lists.
fn has_depth(value: &Value, levels: usize) -> bool {
    let below = levels.checked_sub(1);
    match value {
        Value::Array(items) => below.is_some_and(|below| items.iter().all(|item| has_depth(item, below))),
        Value::Object(members) => below.is_some_and(|below| members.values().all(|item| has_depth(item, below))),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<AppContext, Vec<(String, String)>> {
        let mut errors = Vec::new();
        let fields = Fields::json(value.as_object().cloned().unwrap_or_default());
        let context = AppContext::read(&fields, &mut errors);
        if errors.is_empty() { Ok(context) } else { Err(errors) }
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
    }

    #[test]
    fn data_is_an_object_of_at_most_two_kilobytes_and_sixteen_levels() {
        let longest = json!({"a": "x".repeat(MAX_DATA_LEN - 8)});
        for data in [json!({}), json!({"plan": "pro", "n": [1, null, {"a": true}]}), longest, nested(16)] {
            let context = read(json!({"data": data})).unwrap_or_else(|errors| panic!("{data}: {errors:?}"));
            assert_eq!(context.data.map(Value::Object), Some(data));
        }
        let too_long = json!({"a": "x".repeat(MAX_DATA_LEN - 7)});
        for data in [json!(null), json!([1]), json!("{}"), json!(7), json!(true), too_long, nested(17)] {
            let errors = read(json!({"data": data})).expect_err("a field error");
            assert_eq!(errors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["data"], "{data}");
        }
        assert_eq!(read(json!({})), Ok(AppContext::default()));
    }

    #[test]
    fn a_form_has_data_as_json_text() {
        let read = |text: &str| {
            let mut errors = Vec::new();
            let fields = Fields::form([("data".to_owned(), text.to_owned())]);
            (AppContext::read(&fields, &mut errors).data.map(Value::Object), errors.len())
        };
        assert_eq!(read(r#"{"plan": "pro"}"#), (Some(json!({"plan": "pro"})), 0));
        assert_eq!(read(" "), (None, 0), "an empty field of a form is absent");
        for text in ["{", "[]", "7", "null", "plan=pro"] {
            assert_eq!(read(text), (None, 1), "{text}");
        }
    }

    #[test]
    fn app_state_is_a_text_of_at_most_512_characters() {
        let longest = "ä".repeat(MAX_APP_STATE_LEN);
        for text in ["a", "/articles/42?b=c#d", &longest] {
            assert_eq!(read(json!({"app_state": text})).map(|context| context.app_state), Ok(Some(text.to_owned())));
        }
        let too_long = "ä".repeat(MAX_APP_STATE_LEN + 1);
        for value in [json!(""), json!(null), json!({}), json!("a\nb"), json!("a\u{0}"), json!(too_long)] {
            let errors = read(json!({"app_state": value})).expect_err("a field error");
            assert_eq!(errors.len(), 1, "{value}");
        }
    }
}
