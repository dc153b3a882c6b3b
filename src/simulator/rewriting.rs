//! Puts a persona in the place of a sample's user: IDs, names and addresses in the answers, wherever they occur.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::personas::{Behaviour, EmailState, Persona};
use crate::provider::SampleUser;

/// The offset of the ID of a second account, which no list of personas reaches.
const SECOND_ACCOUNT: usize = 400;

/// The values of one persona at one provider.
#[derive(Clone, Debug, Default)]
pub struct Rewriting {
    /// The texts of the sample and those that replace them; longer ones first.
    texts: Vec<(String, String)>,
    id: (String, String),
    drops_email: bool,
    /// The names of the sample's user, if the provider does not send them.
    dropped_names: Vec<String>,
    is_unverified: bool,
}

/// Whether the provider sends the names of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameState {
    Sent,
    Absent,
}

impl Rewriting {
    /// `place`: the position of the persona in its file.
    pub fn new(sample: &SampleUser, persona: &Persona, place: usize, behaviour: &Behaviour, names: NameState) -> Self {
        let id = sample.id.as_ref().unwrap_or(&sample.uid);
        let new_id = account_id(id, sample, persona, place, behaviour.second_account);
        let first = behaviour.first_name.as_ref().unwrap_or(&persona.first_name).as_str();
        let last = behaviour.last_name.as_ref().unwrap_or(&persona.last_name).as_str();
        let (first, last) = if names == NameState::Sent { (first, last) } else { ("", "") };
        let joined = |first: &str, last: &str| format!("{first} {last}").trim().to_owned();
        let full = joined(sample.first_name.trim(), sample.last_name.trim());
        let mut dropped_names = match names {
            NameState::Sent => Vec::new(),
            NameState::Absent => {
                vec![full.clone(), sample.first_name.trim().to_owned(), sample.last_name.trim().to_owned()]
            }
        };
        dropped_names.retain(|name| !name.is_empty());
        let mut texts = vec![
            (id.clone(), new_id.clone()),
            (sample.email.clone(), persona.email.clone()),
            (full, joined(first, last)),
            (sample.username.clone(), persona.login.clone()),
            (sample.first_name.trim().to_owned(), first.to_owned()),
            (sample.last_name.trim().to_owned(), last.to_owned()),
        ];
        texts.extend(login_names(sample).map(|name| (name, persona.login.clone())));
        texts.retain(|(from, _)| !matches!(from.as_str(), "" | "*" | "-"));
        // The first of equal texts counts, because sorting is stable.
        texts.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        texts.dedup_by(|later, earlier| later.0 == earlier.0);
        let email = match behaviour.email {
            EmailState::Ordinary if persona.email.is_empty() => EmailState::Absent,
            EmailState::Ordinary if !persona.email_verified => EmailState::Unverified,
            state => state,
        };
        Self {
            texts,
            id: (id.clone(), new_id),
            drops_email: email == EmailState::Absent && *id != sample.email,
            dropped_names,
            is_unverified: email == EmailState::Unverified,
        }
    }

    /// Of a provider whose accounts are addresses, such as shops: the address that the login has, and no persona.
    pub fn of_address(from: &str, to: &str) -> Self {
        Self { texts: vec![(from.to_owned(), to.to_owned())], ..Self::default() }
    }

    /// Rewrites a text that is no document.
    pub fn text(&self, text: &str) -> String {
        if text == self.id.0 {
            return self.id.1.clone();
        }
        // Mail.ru encodes each text as a part of a URL.
        if text.contains('%') {
            let plain = percent_decode_str(text).decode_utf8_lossy();
            if self.texts.iter().any(|(from, _)| *from == plain) {
                return self.text(&plain);
            }
        }
        let (mut result, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(first) = rest.chars().next() {
            let is_at = |(from, _): &&(String, String)| {
                rest.starts_with(from.as_str())
                    && is_boundary(result_end(text, rest), from.chars().next())
                    && is_boundary(from.chars().next_back(), rest[from.len()..].chars().next())
            };
            if let Some((from, to)) = self.texts.iter().find(is_at) {
                result.push_str(to);
                rest = &rest[from.len()..];
            } else {
                result.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        result
    }

    /// Rewrites the body of an answer: JSON, a form, or any other text. `fill` replaces the placeholders of a text.
    pub fn answer(&self, body: &str, fill: &dyn Fn(&str) -> String) -> String {
        let trimmed = body.trim_start();
        if trimmed.starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(body)
        {
            self.value(&mut value, fill);
            return value.to_string();
        }
        let is_form = !trimmed.contains(['<', ' ', '\n']) && trimmed.split('&').all(|pair| pair.contains('='));
        if is_form && !trimmed.is_empty() {
            let pairs = url::form_urlencoded::parse(body.as_bytes());
            let pairs = pairs.filter(|(_, value)| !(self.drops_email && is_email(value)));
            let pairs = pairs.map(|(name, value)| (name.into_owned(), fill(&self.text(&value))));
            return url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        }
        fill(&if trimmed.starts_with('<') { self.markup(body) } else { self.text(body) })
    }

    /// Rewrites an XML document, whose flags are elements.
    fn markup(&self, body: &str) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let safe =
            Self { texts: self.texts.iter().map(|(from, to)| (from.clone(), escaped(to))).collect(), ..self.clone() };
        let mut text = safe.text(body);
        if self.is_unverified {
            text = text.replace("<is_confirmed>true<", "<is_confirmed>false<");
        }
        if self.drops_email {
            while let Some((before, rest)) = text.split_once("<address>") {
                let Some((_, after)) = rest.split_once("</address>") else { break };
                text = format!("{before}<address/>{after}");
            }
        }
        text
    }

    /// Rewrites the members of an object.
    pub fn members(&self, members: &Map<String, Value>, fill: &dyn Fn(&str) -> String) -> Map<String, Value> {
        let mut value = Value::Object(members.clone());
        self.value(&mut value, fill);
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn value(&self, value: &mut Value, fill: &dyn Fn(&str) -> String) {
        match value {
            Value::String(text) => {
                // A document within a text.
                *text = if text.starts_with("{\"") { self.answer(text, fill) } else { fill(&self.text(text)) };
            }
            Value::Number(number) if number.to_string() == self.id.0 => {
                *value = self
                    .id
                    .1
                    .parse::<serde_json::Number>()
                    .map_or_else(|_| Value::from(self.id.1.as_str()), Value::Number);
            }
            Value::Array(items) => {
                items.retain(|item| !(self.drops_email && has_email(item)));
                items.iter_mut().for_each(|item| self.value(item, fill));
            }
            Value::Object(members) => {
                if self.drops_email {
                    members.retain(|_, member| !member.as_str().is_some_and(is_email));
                }
                members.retain(|_, member| {
                    !member.as_str().is_some_and(|text| self.dropped_names.iter().any(|name| name == text.trim()))
                });
                for (name, member) in members.iter_mut() {
                    if self.is_unverified && is_flag(name) {
                        set_false(member);
                    }
                    self.value(member, fill);
                }
            }
            _ => {}
        }
    }
}

/// The last character before `rest`, which is the end of `text`.
fn result_end(text: &str, rest: &str) -> Option<char> {
    text[..text.len() - rest.len()].chars().next_back()
}

/// Whether a text may begin or end between two characters: not inside a word of ASCII letters and digits.
fn is_boundary(before: Option<char>, after: Option<char>) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    !(is_word(before) && is_word(after))
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty()
            && host.contains('.')
            && !text.contains(|c: char| c.is_whitespace() || "/:@".contains(c) && c != '@')
    })
}

/// Whether an item of a list is an e-mail address, or an object with one.
fn has_email(item: &Value) -> bool {
    match item {
        Value::String(text) => is_email(text),
        // A whole profile in a list keeps its other members.
        Value::Object(members) => {
            members.len() <= 6
                && members.values().any(|member| member.as_str().is_some_and(is_email))
                && !members.keys().any(|name| is_id(name))
        }
        _ => false,
    }
}

fn is_id(name: &str) -> bool {
    matches!(name, "id" | "uid" | "user_id" | "userid" | "sub")
}

/// Whether a member says that an address is verified.
fn is_flag(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("verified") || name.contains("confirmed") || name.contains("verification")
}

fn set_false(member: &mut Value) {
    match member {
        Value::Bool(flag) => *flag = false,
        Value::String(text) if text == "true" => "false".clone_into(text),
        Value::Number(_) => *member = Value::from(0),
        _ => {}
    }
}

/// The ID of a persona's account. An address or a user name is that of the persona, so that a tester recognizes the user; any other ID
/// keeps its form.
fn account_id(id: &str, sample: &SampleUser, persona: &Persona, place: usize, is_second: bool) -> String {
    // No login of a persona contains a full stop.
    let name = format!("{}{}", persona.login, if is_second { ".second" } else { "" });
    if id == sample.email {
        // An account that is an address has one in any case.
        let own = Some(&persona.email).filter(|email| !email.is_empty() && !is_second);
        return own.cloned().unwrap_or_else(|| format!("{name}@demo.example"));
    }
    if is_user_name(id, sample) {
        return name;
    }
    other_id(id, place + if is_second { SECOND_ACCOUNT } else { 0 })
}

/// Names for a login that schools and companies make of a user's names, such as `ifarrow` and `inesfarrow`.
fn login_names(sample: &SampleUser) -> impl Iterator<Item = String> {
    let [first, last] = [&sample.first_name, &sample.last_name].map(|name| name.trim().to_ascii_lowercase());
    let initial: String = first.chars().take(1).collect();
    let has_both = !first.is_empty() && !last.is_empty();
    [initial, first].into_iter().filter(move |_| has_both).map(move |start| format!("{start}{last}"))
}

/// Whether an ID is the user name of the sample's user, or is made of a name of that user.
fn is_user_name(id: &str, sample: &SampleUser) -> bool {
    let lowercase = id.to_ascii_lowercase();
    let contains = |name: &str| !name.trim().is_empty() && lowercase.contains(&name.trim().to_ascii_lowercase());
    id.bytes().all(|byte| byte.is_ascii_alphabetic() || b".-_".contains(&byte))
        && (id == sample.username || contains(&sample.first_name) || contains(&sample.last_name))
}

/// Another ID of the same form: digits stay digits and letters stay letters. A number may become longer, so that it never becomes 0,
/// which is no ID. `offset` 0 is the ID of the sample.
fn other_id(id: &str, offset: usize) -> String {
    let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mut carry = offset;
    let mut characters: Vec<char> = id.chars().collect();
    for character in characters.iter_mut().rev() {
        let (first, count) = match *character {
            '0'..='9' => (b'0', 10),
            'a'..='z' => (b'a', if is_hex { 6 } else { 26 }),
            'A'..='Z' => (b'A', if is_hex { 6 } else { 26 }),
            _ => continue,
        };
        let digit = usize::from(u8::try_from(*character).unwrap_or(first) - first) + carry;
        carry = digit / count;
        *character = char::from(first + u8::try_from(digit % count).unwrap_or_default());
        if carry == 0 {
            break;
        }
    }
    let changed = String::from_iter(characters);
    if carry > 0 && id.bytes().all(|byte| byte.is_ascii_digit()) { format!("{carry}{changed}") } else { changed }
}

#[cfg(test)]
mod tests {
    use super::super::personas::Personas;
    use super::*;
    use crate::provider::{Sample, catalog_samples};

    fn rewriting(persona: &str, behaviour: &str) -> Rewriting {
        let all = Personas::built_in();
        let (place, persona) = all.find(persona).expect("a persona");
        let sample = SampleUser {
            uid: "583231".to_owned(),
            username: "ines-farrow".to_owned(),
            email: "ines.farrow@mail.example".to_owned(),
            first_name: "Ines".to_owned(),
            last_name: "Farrow".to_owned(),
            ..SampleUser::default()
        };
        Rewriting::new(&sample, persona, place, all.behaviour(behaviour).expect("a behaviour"), NameState::Sent)
    }

    #[test]
    fn a_persona_replaces_the_user_of_json_forms_and_markup() {
        let tomas = rewriting("tomas", "ordinary");
        let json = r#"{"id":583231,"login":"ines-farrow","name":"Ines Farrow","by":"Farrowing","mail":"ines.farrow@mail.example"}"#;
        assert_eq!(
            tomas.answer(json, &str::to_owned),
            r#"{"id":583232,"login":"tomas","name":"Tomás Oyelaran-Ruiz","by":"Farrowing","mail":"tomas@demo.example"}"#
        );
        assert_eq!(
            tomas.answer("user_id=583231&name=Ines+Farrow", &str::to_owned),
            "user_id=583232&name=Tom%C3%A1s+Oyelaran-Ruiz"
        );
        assert_eq!(tomas.answer("<a>Ines Farrow</a>", &str::to_owned), "<a>Tomás Oyelaran-Ruiz</a>");
        assert_eq!(tomas.text("/users/583231/of/ines-farrow"), "/users/583232/of/tomas");
        // Of other forms.
        assert_eq!(tomas.text("ifarrow"), "tomas");
        assert_eq!(tomas.text("in%65s-farrow"), "tomas");
        assert_eq!(tomas.text("100%25"), "100%25");
    }

    #[test]
    fn every_persona_has_an_id_of_its_own() {
        for id in ["7", "9", "0", "583231", "99", "dc85058a"] {
            let ids: std::collections::BTreeSet<String> = (0..8).map(|offset| other_id(id, offset)).collect();
            assert_eq!(ids.len(), 8, "{id}: {ids:?}");
        }
        assert_eq!((other_id("7", 3).as_str(), other_id("7", SECOND_ACCOUNT).as_str()), ("10", "407"));
        assert_eq!(other_id("dc85058a", 1), "dc85058b");
    }

    #[test]
    fn an_id_that_is_a_user_name_is_that_of_the_persona() {
        let all = Personas::built_in();
        let second = all.behaviour("second-account").expect("a behaviour");
        let (place, tomas) = all.find("tomas").expect("a persona");
        let rewriting = |id: &str, username: &str, behaviour: &Behaviour| {
            let sample = SampleUser {
                uid: id.to_owned(),
                username: username.to_owned(),
                first_name: "Ines".to_owned(),
                last_name: "Farrow".to_owned(),
                ..SampleUser::default()
            };
            Rewriting::new(&sample, tomas, place, behaviour, NameState::Sent)
        };
        let ordinary = &all.behaviours[0];
        for (id, username) in [("inesfarrow", "inesfarrow"), ("studies", "studies"), ("ifarrow", "ines")] {
            assert_eq!(rewriting(id, username, ordinary).text(id), "tomas", "{id}");
            assert_eq!(rewriting(id, username, second).text(id), "tomas.second", "{id}");
        }
        for (id, username) in [("YTRBXIA", "inesf"), ("acct_1032D8", "acct_1032D8"), ("583231", "ines")] {
            assert_eq!(rewriting(id, username, ordinary).text(id), other_id(id, 1), "{id}");
        }
    }

    #[test]
    fn accounts_of_every_sample_differ_and_none_has_the_name_of_its_user() {
        let all = Personas::built_in();
        let second = all.behaviour("second-account").expect("a behaviour");
        for (name, text) in catalog_samples() {
            let sample = Sample::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            // An account is what the login names, such as a shop.
            if !sample.address.is_empty() {
                continue;
            }
            let user = &sample.user;
            let id = user.id.as_ref().unwrap_or(&user.uid);
            let personas = || all.personas.iter().enumerate();
            let ids: std::collections::BTreeSet<String> = [&all.behaviours[0], second]
                .into_iter()
                .flat_map(|behaviour| personas().map(move |(at, persona)| (at, persona, behaviour)))
                .map(|(at, persona, behaviour)| Rewriting::new(user, persona, at, behaviour, NameState::Sent).text(id))
                .collect();
            assert_eq!(ids.len(), 2 * all.personas.len(), "{name}: {ids:?}");
            for part in ["ines", "farrow"] {
                assert!(ids.iter().all(|id| !id.to_lowercase().contains(part)), "{name}: {ids:?}");
            }
        }
    }

    #[test]
    fn an_absent_address_is_left_out_and_flags_of_an_unverified_one_are_false() {
        let emails =
            r#"{"email":"ines.farrow@mail.example","all":[{"email":"ines.farrow@mail.example","verified":true}]}"#;
        assert_eq!(rewriting("mara", "no-email").answer(emails, &str::to_owned), r#"{"all":[]}"#);
        assert_eq!(
            rewriting("yuki", "ordinary").answer(emails, &str::to_owned),
            r#"{"email":"yuki@demo.example","all":[{"email":"yuki@demo.example","verified":false}]}"#
        );
    }

    #[test]
    fn names_after_the_first_consent_are_left_out() {
        let all = Personas::built_in();
        let sample =
            SampleUser { first_name: "Ines".to_owned(), last_name: "Farrow".to_owned(), ..SampleUser::default() };
        let later = Rewriting::new(&sample, &all.personas[0], 0, &all.behaviours[0], NameState::Absent);
        let profile = r#"{"id":1,"name":"Ines Farrow","given_name":"Ines","bio":"I am Ines"}"#;
        assert_eq!(later.answer(profile, &str::to_owned), r#"{"id":1,"bio":"I am "}"#);
    }

    #[test]
    fn ids_of_personas_differ_and_keep_their_form() {
        assert_eq!(other_id("583231", 0), "583231");
        assert_eq!(other_id("583239", 1), "583240");
        assert_eq!(other_id("001827.c0ffee.0915", 2), "001827.c0ffee.0917");
        assert_eq!(other_id("0b6c1c3e-5a51-4b46-8a0e-3c1d2e4f5a6f", 1), "0b6c1c3e-5a51-4b46-8a0e-3c1d2e4f5a7a");
        assert_ne!(rewriting("mara", "second-account").text("583231"), rewriting("mara", "ordinary").text("583231"));
    }
}
