//! Error descriptions of a provider that are safe to show: without secrets and addresses. A description that looks suspicious is
//! not shown at all.

use std::collections::HashSet;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use data_encoding::HEXLOWER_PERMISSIVE;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

use crate::model::is_bidi_or_control;

/// Characters after which a description is cut off.
const MAX_LEN: usize = 300;
/// In bytes. A longer description is not shown.
const MAX_INPUT_LEN: usize = 4096;
/// Number of nested encodings that are decoded.
const MAX_DEPTH: usize = 3;
/// A description with more decoded forms, or more bytes of them, is not shown, to limit the work.
const MAX_FORMS: usize = 200;
const MAX_DECODED_BYTES: usize = 128 * 1024;
/// A shorter part of a secret may be an ordinary word.
const MIN_PART_LEN: usize = 10;
/// At most this many characters of a secret count as a part of it; otherwise half of it.
const MAX_PART_LEN: usize = 32;
/// A longer run of letters and digits is not an ordinary word.
const MAX_WORD_LEN: usize = 20;

/// The OAuth Extensions Error Registry of IANA, and OpenID Connect Core 3.1.2.6.
const REGISTERED_CODES: [&str; 28] = [
    "access_denied",
    "account_selection_required",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "insufficient_scope",
    "insufficient_user_authentication",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unmet_authentication_requirements",
    "unsupported_grant_type",
    "unsupported_response_type",
    "unsupported_token_type",
];

pub fn is_registered(code: &str) -> bool {
    REGISTERED_CODES.contains(&code)
}

/// An error code for the log: printable, short and without a secret.
pub fn safe_code(code: &str, secrets: &[&str]) -> String {
    let plain: String = code.chars().filter(char::is_ascii_graphic).take(40).collect();
    if is_registered(code) || safe_description(code, secrets).is_some() { plain } else { "(not shown)".to_owned() }
}

/// The description without addresses. `None`: nothing is left, or a part looks suspicious.
pub fn safe_description(text: &str, secrets: &[&str]) -> Option<String> {
    if text.len() > MAX_INPUT_LEN || text.contains(['<', '>']) || contains_secret(text, secrets) {
        return None;
    }
    let plain: String = text.chars().filter(|c| !is_bidi_or_control(*c) || c.is_whitespace()).collect();
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !is_address(word)).collect();
    // The dots of a JWT make it look like a host name.
    if plain.contains("eyJ") || words.iter().any(|word| is_suspicious(word)) {
        return None;
    }
    let text: String = words.join(" ").chars().take(MAX_LEN).collect();
    (!text.is_empty()).then_some(text)
}

/// Whether the text contains a secret or a long part of one in any encoding, or has too many encodings to decode.
fn contains_secret(text: &str, secrets: &[&str]) -> bool {
    // Without secrets, as for a callback, nothing is decoded.
    let normal: Vec<Vec<char>> = secrets.iter().map(|secret| normalized(secret)).collect();
    let is_word = |secret: &&str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == *secret);
    // A short secret is a part of many words, so only a whole word counts.
    let is_short = |normal: &&Vec<char>| (1..4).contains(&normal.len());
    if secrets.iter().zip(&normal).any(|(secret, normal)| is_short(&normal) && is_word(secret)) {
        return true;
    }
    let long: Vec<&Vec<char>> = normal.iter().filter(|normal| normal.len() >= 4).collect();
    let Some(shortest) = long.iter().map(|secret| part_len(secret)).min() else { return false };
    let Some(forms) = decoded_forms(text, shortest) else { return true };
    long.iter().any(|secret| {
        let backwards: Vec<char> = secret.iter().rev().copied().collect();
        [secret.as_slice(), &backwards].into_iter().any(|secret| has_part(&forms, secret))
    })
}

/// The number of consecutive characters that count as a part of a secret.
fn part_len(secret: &[char]) -> usize {
    (secret.len() / 2).clamp(MIN_PART_LEN, MAX_PART_LEN).min(secret.len())
}

/// Whether one of the forms contains a part of the secret, in time linear in both lengths.
fn has_part(forms: &HashSet<Vec<char>>, secret: &[char]) -> bool {
    let len = part_len(secret);
    let parts: HashSet<&[char]> = secret.windows(len).collect();
    forms.iter().flat_map(|form| form.windows(len)).any(|part| parts.contains(part))
}

/// The text and its decoded forms of at least `shortest` characters. `None`: there are too many.
fn decoded_forms(text: &str, shortest: usize) -> Option<HashSet<Vec<char>>> {
    let mut forms = HashSet::from([normalized(text)]);
    let mut seen = HashSet::from([text.to_owned()]);
    let (mut newest, mut decoded_bytes) = (vec![text.to_owned()], 0);
    for _ in 0..MAX_DEPTH {
        let mut next = Vec::new();
        for form in newest.iter().flat_map(|form| decoded(form)) {
            decoded_bytes += form.len();
            let normal = normalized(&form);
            // A form that is too short for a part of a secret is too short for an encoded part, too.
            if normal.len() >= shortest && seen.insert(form.clone()) {
                forms.insert(normal);
                next.push(form);
            }
            if seen.len() > MAX_FORMS || decoded_bytes > MAX_DECODED_BYTES {
                return None;
            }
        }
        newest = next;
    }
    Some(forms)
}

/// Lower-case letters and digits only.
fn normalized(text: &str) -> Vec<char> {
    text.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// All results of decoding a part of the text once.
fn decoded(text: &str) -> impl Iterator<Item = String> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engines = [GeneralPurpose::new(&STANDARD, lenient), GeneralPurpose::new(&URL_SAFE, lenient)];
    let percent = std::iter::once_with(|| percent_decode_str(text).decode_utf8_lossy().into_owned());
    let of_run = move |run: &str| {
        // The encoded part may begin later in the run.
        let parts = (0..4).filter_map(|from| run.get(from..)).filter(|part| part.len() >= 6);
        let base64 = parts.filter_map(|part| {
            let part = &part[..part.len() - usize::from(part.len() % 4 == 1)];
            // The alphabets differ only in these characters.
            let engine = &engines[usize::from(part.contains(['-', '_']))];
            engine.decode(part).ok()
        });
        let base64 = base64.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let hex = (0..2).filter_map(|from| run.get(from..)).filter(|part| part.len() >= 8).filter_map(from_hex);
        base64.chain(hex).collect::<Vec<_>>()
    };
    // Bytes that are written one by one, such as `73 33`.
    let bytes = std::iter::once_with(|| {
        let is_byte = |word: &&str| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let words =
            text.split(|c: char| !c.is_ascii_alphanumeric()).map(|word| word.strip_prefix("0x").unwrap_or(word));
        from_hex(&words.map(|word| word.strip_prefix('x').unwrap_or(word)).filter(is_byte).collect::<String>())
    });
    percent
        .chain(bytes.flatten())
        .chain(text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c))).flat_map(of_run))
}

fn from_hex(text: &str) -> Option<String> {
    let len = text.bytes().take_while(u8::is_ascii_hexdigit).count() & !1;
    let bytes = HEXLOWER_PERMISSIVE.decode(&text.as_bytes()[..len]).ok().filter(|bytes| bytes.len() >= 4)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a word is or contains a URL, a host name, an IP address or an e-mail address.
fn is_address(word: &str) -> bool {
    const SCHEMES: [&str; 12] =
        ["http", "https", "ftp", "ftps", "ws", "wss", "file", "mailto", "javascript", "data", "blob", "tel"];
    let word: String = percent_decode_str(word).decode_utf8_lossy().nfkc().collect();
    let word = word.replace(['。', '．', '｡'], ".");
    if word.contains("://") || word.contains("//") || word.contains('@') || word.contains('\\') {
        return true;
    }
    let has_scheme = |scheme: &&str| {
        let rest = word.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
        rest.is_some() && word[scheme.len()..].starts_with(':')
    };
    // In `(see=evil.example:80/x)` each part is examined.
    SCHEMES.iter().any(has_scheme) || word.split(|c: char| !(c.is_alphanumeric() || "-._".contains(c))).any(is_host)
}

fn is_host(text: &str) -> bool {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let labels: Vec<&str> = text.split('.').collect();
    let Some((top, rest)) = labels.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return text.eq_ignore_ascii_case("localhost");
    };
    if rest.iter().any(|label| label.is_empty()) {
        return false;
    }
    let is_number = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_digit());
    let is_name = top.chars().count() >= 2 && top.chars().next().is_some_and(char::is_alphabetic);
    is_name || labels.len() == 4 && labels.iter().all(|label| is_number(label))
}

/// Whether a word may be a token, a key or encoded data. UUIDs, which identify requests, are allowed.
fn is_suspicious(word: &str) -> bool {
    let runs = word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_=.~%".contains(c)));
    word.contains("&#")
        || word.contains("\\u")
        || runs.filter(|run| run.len() >= MAX_WORD_LEN && uuid::Uuid::try_parse(run).is_err()).any(|run| {
            let has = |wanted: fn(&char) -> bool| run.chars().any(|c| wanted(&c));
            has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
                || has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && !run.contains('_')
                || run.len() >= 2 * MAX_WORD_LEN
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "cs-7Q2f+tW9/zLp:Xe";
    const SECRETS: [&str; 2] = [SECRET, "code-4711-of-nell"];

    #[test]
    fn fault_a27_encoded_secrets_are_detected() {
        use base64::engine::general_purpose::{STANDARD as PLAIN, URL_SAFE_NO_PAD};
        let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        for form in [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            SECRET.to_lowercase(),
            SECRET.chars().rev().collect(),
            SECRET.chars().map(|c| format!("{c} ")).collect(),
            SECRET.chars().map(|c| format!("{c}\u{200b}")).collect(),
            SECRET.replace('+', "%2B").replace('/', "%2F").replace(':', "%3A"),
            percent(SECRET),
            percent(&percent(SECRET)),
            PLAIN.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            PLAIN.encode(format!("client:{SECRET}")),
            PLAIN.encode(format!("{SECRET}:client")),
            PLAIN.encode(PLAIN.encode(SECRET)),
            percent(&PLAIN.encode(SECRET)),
            hex(SECRET),
            hex(SECRET).to_uppercase(),
            SECRET.bytes().map(|byte| format!("{byte:02x} ")).collect(),
            SECRET.bytes().map(|byte| format!("\\x{byte:02X}")).collect(),
            SECRET[..14].to_owned(),
            "ｃｏｄｅ-4711-of-nell".to_owned(),
            "code_4711_of_nell".to_owned(),
        ] {
            for text in [form.clone(), format!("bad secret '{form}' given"), format!("Basic={form};")] {
                assert_eq!(safe_description(&text, &SECRETS), None, "{text}");
            }
        }
        assert_eq!(safe_description("the pin abc is wrong", &["abc"]), None);
        assert_eq!(safe_code("cs-7q2f+tw9/zlp:xe", &SECRETS), "(not shown)");
        assert_eq!(safe_code("bad_verification_code", &SECRETS), "bad_verification_code");
    }

    #[test]
    fn fault_a27_too_many_encodings_are_not_shown() {
        use base64::engine::general_purpose::STANDARD as PLAIN;
        let words: Vec<String> = (0..240).map(|n| PLAIN.encode(format!("encoded{n:05}"))).collect();
        let text = words.join(" ");
        assert!(text.len() <= MAX_INPUT_LEN);
        assert_eq!(decoded_forms(&text, MIN_PART_LEN), None);
        assert_eq!(safe_description(&text, &SECRETS), None);
        // Without secrets nothing is decoded.
        assert!(safe_description(&text, &[]).is_some());
    }

    #[test]
    fn fault_a27_work_is_linear_in_the_length_of_the_secrets() {
        let text = "the authorization code is invalid, expired or was used before; begin again ".repeat(10);
        let work = |len: usize| {
            let secret: String = (0..len).map(|n| char::from(b'a' + u8::try_from(n * n % 23).unwrap_or(0))).collect();
            let once = || {
                let started = std::time::Instant::now();
                assert!(safe_description(&text, &[&secret]).is_some());
                started.elapsed()
            };
            (0..5).map(|_| once()).min().unwrap_or_default()
        };
        let (short, long) = (work(1_000), work(60_000));
        assert!(long < short * 60 * 8, "{short:?} for 1,000 characters, {long:?} for 60,000");
    }

    #[test]
    fn fault_a27_32_characters_of_a_long_secret_are_detected() {
        let secret: String = (0..200).map(|n| format!("{n:03}x")).collect();
        assert_eq!(
            safe_description(&format!("code {} is bad", secret[400..450].replace('x', "-x-")), &[&secret]),
            None
        );
        assert!(safe_description("code 120x121x is bad", &[&secret]).is_some());
    }

    #[test]
    fn fault_a27_possible_tokens_are_not_shown() {
        for text in [
            "unknown token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "key AKIA0123456789ABCDEFGH",
            "<script>alert(1)</script>",
            "a &#115;ecret",
            "&lt;b&gt; QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ] {
            assert_eq!(safe_description(text, &SECRETS), None, "{text}");
        }
        assert_eq!(safe_description(&"a ".repeat(3000), &SECRETS), None);
    }

    #[test]
    fn fault_a27_addresses_are_removed_with_or_without_a_scheme() {
        for address in [
            "https://evil.example/x",
            "//evil.example",
            "evil.example",
            "EVIL.EXAMPLE:8080/path?x=1",
            "www.evil.example",
            "(evil.example)",
            "see=evil.example/x",
            "evil%2Eexample",
            "evil。example",
            "xn--evl-sma.example",
            "10.0.0.1",
            "10.0.0.1:80/x",
            "localhost:8000",
            "mailto:x",
            "javascript:alert(1)",
            "nell@evil.example",
        ] {
            assert_eq!(
                safe_description(&format!("Sign in at {address} now"), &SECRETS).as_deref(),
                Some("Sign in at now"),
                "{address}"
            );
        }
        for text in [
            "Malformed auth code.",
            "The code passed is incorrect or expired.",
            "Invalid \"code\" in request.",
            "AADSTS70008: The provided authorization code has expired. Trace ID: 6a9dd3a1-0f2c-4b0e-9d3a-1b2c3d4e5f60",
            "invalid_grant: code doesn't exist, e.g. version 2.0",
        ] {
            assert_eq!(safe_description(text, &SECRETS).as_deref(), Some(text));
        }
    }
}
