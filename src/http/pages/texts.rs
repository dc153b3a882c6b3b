//! The texts of pages, from the files in `texts/`.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::http::protocol::Language;

/// All texts of one language.
pub struct Texts {
    table: toml::Table,
    /// The same for templates.
    pub values: minijinja::Value,
}

impl Texts {
    /// The texts of a language.
    pub fn of(language: Language) -> &'static Self {
        static TEXTS: LazyLock<[Texts; Language::ALL.len()]> = LazyLock::new(|| Language::ALL.map(Texts::read));
        &TEXTS[language as usize]
    }

    fn read(language: Language) -> Self {
        let file = match language {
            Language::English => include_str!("texts/en.toml"),
            Language::German => include_str!("texts/de.toml"),
            Language::Spanish => include_str!("texts/es.toml"),
        };
        let table: toml::Table = file.parse().expect("the tests read the texts");
        let values = minijinja::Value::from_serialize(&table);
        Self { table, values }
    }

    /// The text with this path, such as `["question", "title"]`.
    pub fn get(&self, path: &[&str]) -> &str {
        let (last, groups) = path.split_last().expect("a path has a last key");
        let group = groups.iter().try_fold(&self.table, |table, key| table.get(*key)?.as_table());
        let text = group.and_then(|group| group.get(*last)?.as_str());
        text.unwrap_or_else(|| panic!("there is no text {path:?}"))
    }

    /// [`Self::get`] with a value in the place of each `{name}`.
    pub fn filled(&self, path: &[&str], values: &[(&str, &str)]) -> String {
        fill(self.get(path), values)
    }

    /// A text that this program writes in English, such as a step. Where the known text has `{providers}`, the English one has
    /// names. Other texts, such as those of an operator's step, are returned unchanged.
    pub fn built_in<'a>(&'a self, english: &'a str) -> Cow<'a, str> {
        let Some(texts) = self.table.get("built_in").and_then(toml::Value::as_table) else { return english.into() };
        if let Some(text) = texts.get(english).and_then(toml::Value::as_str) {
            return text.into();
        }
        let filled = texts.iter().find_map(|(known, text)| {
            let (before, after) = known.split_once("{providers}")?;
            let names = english.strip_prefix(before)?.strip_suffix(after)?;
            Some(fill(text.as_str()?, &[("providers", names)]))
        });
        filled.map_or(Cow::Borrowed(english), Cow::Owned)
    }
}

/// Replaces each `{name}` by its value. A value is not searched for further names.
pub fn fill(text: &str, values: &[(&str, impl AsRef<str>)]) -> String {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref());
        filled.extend([value.unwrap_or_default(), rest]);
    }
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The placeholders of each text, by its path.
    fn placeholders(table: &toml::Table, path: &str, found: &mut BTreeMap<String, Vec<String>>) {
        for (key, value) in table {
            let path = format!("{path}/{key}");
            match value {
                toml::Value::Table(table) => placeholders(table, &path, found),
                text => {
                    let text = text.as_str().unwrap_or_else(|| panic!("{path} is not a text"));
                    assert!(
                        !text.trim().is_empty() && !text.contains(['<', '>', '&']),
                        "{path} is empty or has markup"
                    );
                    let names =
                        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default().to_owned());
                    let mut names: Vec<String> = names.collect();
                    names.sort();
                    found.insert(path, names);
                }
            }
        }
    }

    #[test]
    fn all_languages_have_the_same_keys_and_placeholders() {
        let of = |language| {
            let mut found = BTreeMap::new();
            placeholders(&Texts::of(language).table, "", &mut found);
            found
        };
        let english = of(Language::English);
        assert!(english.len() > 60, "too few texts: {}", english.len());
        for language in Language::ALL {
            assert_eq!(of(language), english, "{language:?}");
        }
    }

    #[test]
    fn a_text_of_an_operator_is_not_translated() {
        let texts = Texts::of(Language::German);
        assert_eq!(texts.built_in("E-mail address"), "E-Mail-Adresse");
        assert_eq!(texts.built_in("Nickname"), "Nickname");
        assert_eq!(texts.get(&["question", "submit"]), "Weiter");
    }

    #[test]
    fn a_text_with_names_of_providers_is_translated_and_keeps_them() {
        let detail =
            "Sign in as before (github, {b}) in this browser, then send this answer again with the new credential.";
        let german = Texts::of(Language::German).built_in(detail).into_owned();
        assert!(german.starts_with("Melde dich ") && german.contains(" (github, {b}) "), "{german}");
        assert_eq!(Texts::of(Language::English).built_in(detail), detail);
        let other = "Sign in as before (github).";
        assert_eq!(Texts::of(Language::German).built_in(other), other);
    }

    #[test]
    fn a_value_takes_the_place_of_its_name() {
        let values = [("a", "{c}".to_owned()), ("c", "3".to_owned())];
        assert_eq!(fill("{a} and {c}", &values), "{c} and 3");
    }
}
