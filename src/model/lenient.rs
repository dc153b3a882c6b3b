//! Parses documents in which single characters are broken: half a surrogate pair, a byte that is not UTF-8, a control
//! character in a string. Each becomes U+FFFD.

use serde_json::Value;

use super::{check_unique_members, parse_json, parse_json_without_big_integers};

/// Parses JSON. The strict parser comes first, so that only broken characters are read differently. Errors: any other syntax
/// error.
pub fn json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    parse(bytes, Floats::Finite, parse_json)
}

/// As [`json`], but integers beyond 64 bits become null instead of texts.
pub fn json_without_big_integers(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    parse(bytes, Floats::Finite, parse_json_without_big_integers)
}

/// [`json`] that decides something: an error too if an object has two members of one name, see [`check_unique_members`].
pub fn unique_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let value = json(bytes)?;
    check_unique_members(repaired(&text(bytes), Floats::Finite).as_bytes())?;
    Ok(value)
}

/// Parses JSON of a provider or of Django: as [`json`], and floats without a value, which Python writes and reads, become null.
/// One odd number must not refuse a whole profile.
pub fn foreign_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    parse(bytes, Floats::Any, parse_json)
}

/// Which floats are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Floats {
    /// Those of JSON that 64 bits can hold.
    Finite,
    /// `1e400`, `NaN` and `Infinity` too.
    Any,
}

type Parser = fn(&[u8]) -> Result<Value, serde_json::Error>;

fn parse(bytes: &[u8], floats: Floats, parser: Parser) -> Result<Value, serde_json::Error> {
    parser(bytes).or_else(|error| {
        let repaired = repaired(&text(bytes), floats);
        parser(repaired.as_bytes()).map_err(|_| error)
    })
}

/// Decodes UTF-8, or UTF-16 with a byte order mark, and removes the mark.
pub fn text(bytes: &[u8]) -> String {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks(2).map(|pair| read([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    }
}

/// Replaces the control characters that XML 1.0 forbids, literal or as references.
pub fn xml(document: &str) -> String {
    let is_allowed = |c: char| {
        !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
            || matches!(c, '\t' | '\n' | '\r' | '\u{80}'..='\u{9f}')
    };
    let document: String = document.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect();
    let mut parts = document.split("&#");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap_or((part, ""));
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        match code {
            Ok(code) if part.contains(';') && !char::from_u32(code).is_some_and(is_allowed) => {
                out.push('\u{fffd}');
                out.push_str(rest);
            }
            _ => {
                out.push_str("&#");
                out.push_str(part);
            }
        }
    }
    out
}

fn repaired(json: &str, floats: Floats) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        if in_string && c == '\\' {
            rest = &rest[1..];
            rest = &rest[escape(rest, &mut out)..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            c if in_string && (c as u32) < 0x20 => {
                let code = format!("\\u{:04x}", c as u32);
                out.push_str(&code);
            }
            '\u{feff}' if !in_string => {}
            'N' | 'I' | '-' | '0'..='9' if !in_string && floats == Floats::Any => {
                rest = number(c, rest, &mut out);
            }
            c => out.push(c),
        }
    }
    out
}

/// Writes a number that begins with `first`: null if it has no value. Returns what follows it.
fn number<'t>(first: char, rest: &'t str, out: &mut String) -> &'t str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let text = format!("{first}{}", &rest[..len]);
    let is_float = text.contains(['.', 'e', 'E']) && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let has_no_value = matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity")
        || is_float && text.parse::<f64>().is_ok_and(f64::is_infinite);
    out.push_str(if has_no_value { "null" } else { &text });
    &rest[len..]
}

/// Writes the escape sequence after a backslash; returns its length in bytes.
fn escape(rest: &str, out: &mut String) -> usize {
    let unit = |text: &str| {
        let digits = text
            .strip_prefix('u')
            .and_then(|text| text.get(..4))
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok())
    };
    let Some(c) = rest.chars().next() else { return 0 };
    match (c, unit(rest)) {
        ('u', Some(0xd800..=0xdbff)) => {
            let low = rest[5..].strip_prefix('\\').and_then(unit).filter(|low| (0xdc00..=0xdfff).contains(low));
            if low.is_some() {
                out.push('\\');
                out.push_str(&rest[..11]);
                return 11;
            }
            out.push('\u{fffd}');
            5
        }
        ('u', Some(0xdc00..=0xdfff)) => {
            out.push('\u{fffd}');
            5
        }
        ('u', Some(_)) => {
            out.push('\\');
            out.push_str(&rest[..5]);
            5
        }
        ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't', _) => {
            out.push('\\');
            out.push(c);
            1
        }
        // Not an escape of JSON: the backslash is the broken character.
        _ => {
            out.push('\u{fffd}');
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn fault_c08_a_broken_character_is_replaced_and_the_rest_is_read() {
        for (bytes, read) in [
            (&br#"{"a": "hi \ud83d"}"#[..], value!({"a": "hi \u{fffd}"})),
            (br#"{"a": "\ude00 x"}"#, value!({"a": "\u{fffd} x"})),
            (br#"{"a": "\ud83d\ud83d\ude00"}"#, value!({"a": "\u{fffd}\u{1f600}"})),
            (br#"{"a": "\ud83d\u0041"}"#, value!({"a": "\u{fffd}A"})),
            (br#"{"\ud83d": 1, "b": "\\ud83d"}"#, value!({"\u{fffd}": 1, "b": "\\ud83d"})),
            (br#"{"a": "\ud83d", "b": "q\"\ud83d\""}"#, value!({"a": "\u{fffd}", "b": "q\"\u{fffd}\""})),
            (b"{\"a\": \"x\xff\xfey\"}", value!({"a": "x\u{fffd}\u{fffd}y"})),
            (b"{\"a\": \"x\xed\xa0\xbdy\"}", value!({"a": "x\u{fffd}\u{fffd}\u{fffd}y"})),
            (b"{\"a\": \"tab\tline\nnul\x00\"}", value!({"a": "tab\tline\nnul\u{0}"})),
            (b"\xef\xbb\xbf{\"a\": 1}", value!({"a": 1})),
            (b"\xff\xfe{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", value!({"a": 1})),
            (br#"{"a": "it\'s"}"#, value!({"a": "it\u{fffd}'s"})),
            (br#"{"a": "\u12"}"#, value!({"a": "\u{fffd}u12"})),
            ("{\"a\": \"z\u{e4}\\u00e4\"}".as_bytes(), value!({"a": "z\u{e4}\u{e4}"})),
        ] {
            assert_eq!(json(bytes).ok(), Some(read), "{}", String::from_utf8_lossy(bytes));
        }
        for (bytes, read) in [
            (&br#"{"a": 1e400, "b": -1E999, "id": 9}"#[..], value!({"a": null, "b": null, "id": 9})),
            (
                br#"{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN -Infinity"}"#,
                value!({"a": null, "b": [null, null], "c": "NaN -Infinity"}),
            ),
        ] {
            assert_eq!(foreign_json(bytes).ok(), Some(read), "{}", String::from_utf8_lossy(bytes));
            assert!(json(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let deep = [b"[".repeat(5000), b"\"\xff\"".to_vec(), b"]".repeat(5000)].concat();
        for wrong in [
            &b""[..],
            b"\xef\xbb\xbf",
            b"<html>",
            b"{\"a\": \"x",
            b"{\"a\": \"x\\",
            b"{\"a\": \"x\\u",
            b"{a: 1}",
            b"{\"a\": Nan}",
            b"{\"a\": -NaNa}",
            b"{\"a\": 1} x",
            &deep,
        ] {
            assert!(foreign_json(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn a_member_that_occurs_twice_is_an_error_where_it_decides() {
        for read in
            [&b"{\"a\": \"\xff\", \"b\": [{\"a\": -1.5}, {\"a\": null}]}"[..], b"\xef\xbb\xbf{\"a\": true}", b"7"]
        {
            assert!(unique_json(read).is_ok(), "{}", String::from_utf8_lossy(read));
        }
        for twice in [
            &b"{\"a\": 1, \"a\": 1}"[..],
            b"{\"a\": \"\xff\", \"a\": 1}",
            b"{\"a\": 1, \"\\u0061\": 2}",
            b"[{\"x\": {\"a\": 1, \"b\": 2, \"a\": 3}}]",
        ] {
            assert!(unique_json(twice).is_err_and(|error| error.is_data()), "{}", String::from_utf8_lossy(twice));
        }
    }

    #[test]
    fn fault_c08_xml_without_forbidden_characters() {
        assert_eq!(xml("<a>x\u{1}y&#0;&#xD83D;&#65;&amp;&#x;</a>"), "<a>x\u{fffd}y\u{fffd}\u{fffd}&#65;&amp;&#x;</a>");
    }
}
