//! Writes a document as YAML. Short maps and lists are on one line. What is not a plain word is quoted, so that every reader takes
//! times, numbers and words such as `no` for texts (YAML 1.1 and 1.2).

use serde_json::{Map, Value};

/// A map or list that is longer is written with one entry on a line.
const MAX_FLOW_LEN: usize = 200;
/// A long list of words is written in lines of this length.
const MAX_LINE_LEN: usize = 120;
/// One space: the document is deep, and two spaces would be a tenth of it.
const INDENT: usize = 1;

/// The document as YAML. Readers get the same values as from JSON.
pub fn yaml(document: &Value) -> String {
    let mut lines = String::new();
    write_block(document, 0, &mut lines);
    lines
}

/// Writes the entries of a map or list, each in lines of its own.
fn write_block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                pad(indent, out);
                out.push_str(&text(name, false));
                out.push(':');
                write_member(value, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(indent, out);
                out.push('-');
                write_item(item, indent, out);
            }
        }
        _ => out.push_str(&flow(value)),
    }
}

fn write_member(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Array(items) if is_long(value) && items.iter().all(Value::is_string) => {
            out.push_str(" [");
            write_words(items, indent + INDENT, out);
            out.push_str("]\n");
        }
        Value::Object(_) | Value::Array(_) if is_long(value) => {
            out.push('\n');
            // The dashes of a list stand below its name.
            write_block(value, if value.is_array() { indent } else { indent + INDENT }, out);
        }
        _ => write_scalar(value, indent, out),
    }
}

/// Writes texts, as many on a line as it may have.
fn write_words(words: &[Value], indent: usize, out: &mut String) {
    let mut line_len = indent;
    for (place, word) in words.iter().map(flow).enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        if line_len + separator.len() + word.len() >= MAX_LINE_LEN {
            out.push_str(",\n");
            pad(indent, out);
            line_len = indent;
        } else {
            out.push_str(separator);
        }
        out.push_str(&word);
        line_len += separator.len() + word.len();
    }
}

fn write_item(item: &Value, indent: usize, out: &mut String) {
    match item {
        Value::Object(_) | Value::Array(_) if is_long(item) => {
            // The first entry follows the dash.
            let mut block = String::new();
            write_block(item, indent + 2, &mut block);
            out.push(' ');
            out.push_str(block.trim_start_matches(' '));
        }
        _ => write_scalar(item, indent, out),
    }
}

fn write_scalar(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::String(lines) if is_literal(lines) => {
            out.push_str(" |-\n");
            for line in lines.split('\n') {
                if !line.is_empty() {
                    pad(indent + INDENT, out);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        Value::String(line) => {
            out.push(' ');
            out.push_str(&text(line, false));
            out.push('\n');
        }
        _ => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

/// A map, a list or a scalar on one line.
fn flow(value: &Value) -> String {
    let member = |(name, value): (&String, &Value)| format!("{}: {}", text(name, true), flow(value));
    match value {
        Value::Object(members) => format!("{{{}}}", join(members, member)),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(line) => text(line, true),
        _ => value.to_string(),
    }
}

fn join(members: &Map<String, Value>, member: impl Fn((&String, &Value)) -> String) -> String {
    members.iter().map(member).collect::<Vec<_>>().join(", ")
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_long(value: &Value) -> bool {
    flow(value).len() > MAX_FLOW_LEN
}

/// Whether a text of several lines can be written as it is.
fn is_literal(text: &str) -> bool {
    text.contains('\n') && !text.starts_with([' ', '\n']) && !text.ends_with('\n') && !text.contains('\t')
}

/// A text on one line, quoted if a reader could take it for something else. JSON's quotes are YAML's. `in_flow`: inside of a map
/// or list on one line, where more characters have a meaning.
fn text(text: &str, in_flow: bool) -> String {
    let is_plain_start = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '$'));
    let has_meaning = |character: char| {
        character.is_control() || in_flow && matches!(character, ',' | '[' | ']' | '{' | '}' | '\'' | '"' | '#')
    };
    let is_plain = is_plain_start
        && !text.contains(has_meaning)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !is_word_of_yaml(text);
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// YAML 1.1 has more such words than YAML 1.2.
fn is_word_of_yaml(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_values_are_on_one_line_and_doubtful_texts_are_quoted() {
        let long = "long ".repeat(50);
        let document = json!({
            "created": "2026-11-23T12:27:05.000Z",
            "text": "2026 years",
            "responses": {"400": {"$ref": "#/components/responses/A"}, "401": {"description": long}},
            "list": ["a", {"b": true}, "c, d", "1", 1, null, "No"],
            "lines": {"description": format!("{long}\n\n- a: b\n  c"), "items": [{"x": "a: b", "y": long}, "`a`"]},
            "empty": [{}, [], ""],
        });
        let yaml = yaml(&document);
        for line in [
            "created: \"2026-11-23T12:27:05.000Z\"",
            "text: \"2026 years\"",
            " \"400\": {$ref: \"#/components/responses/A\"}",
            "list: [a, {b: true}, \"c, d\", \"1\", 1, null, \"No\"]",
            "    c",
            " - x: \"a: b\"",
            "   \"y\": ",
            "empty: [{}, [], \"\"]",
        ] {
            assert!(yaml.lines().any(|own| own.starts_with(line)), "{line} in {yaml}");
        }
        assert_eq!(serde_yaml::from_str::<Value>(&yaml).expect("YAML"), document);
    }
}
