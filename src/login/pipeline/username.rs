//! Candidates for the username of a new user, in the order in which they are tried (R-USR-01 to 04).

use unicode_normalization::UnicodeNormalization as _;

use crate::clock::Deps;
use crate::model::{MAX_NAME_LEN, UsernameCharacters, truncated};
use crate::settings::UserRules;

/// The wanted name, then the same with random suffixes.
const MAX_CANDIDATES: usize = 5;
/// Hex digits of a username of which no character is left.
const MIN_NAME_LEN: usize = 16;
/// Hex digits of the last suffix, however short the settings make the others, so that it is practically unique.
const LAST_SUFFIX_LEN: usize = 32;

/// At least one candidate; the store takes the first that is free.
pub fn candidates(rules: &UserRules, wanted: &str, deps: &Deps) -> Vec<String> {
    let base = if wanted.is_empty() { deps.hex::<16>() } else { cleaned(truncated(wanted, MAX_NAME_LEN), rules) };
    // An address with a suffix would be an address of another domain.
    let stem = if rules.addresses_as_usernames { base.split('@').next().unwrap_or_default() } else { &base };
    let suffixed = (1..MAX_CANDIDATES).map(|n| {
        let length = match n {
            _ if n + 1 == MAX_CANDIDATES => LAST_SUFFIX_LEN,
            // The suffix is the whole name.
            _ if stem.is_empty() => rules.uuid_length.max(MIN_NAME_LEN),
            _ => rules.uuid_length,
        };
        let suffix: String = deps.hex::<16>().chars().take(length).collect();
        format!("{}{suffix}", truncated(stem, MAX_NAME_LEN - suffix.len()))
    });
    std::iter::once(truncated(&base, MAX_NAME_LEN).to_owned()).chain(suffixed).filter(|name| !name.is_empty()).collect()
}

/// Whether a wanted username would stay as it is.
pub fn stays_unchanged(name: &str, rules: &UserRules) -> bool {
    truncated(name, MAX_NAME_LEN) == name && cleaned(name, rules) == name
}

fn cleaned(name: &str, rules: &UserRules) -> String {
    let characters = UsernameCharacters::of(rules.clean_usernames);
    match (characters, rules.slugify_usernames) {
        // The slug needs the spaces, and has no other characters than ASCII.
        (UsernameCharacters::Unicode, true) => slug(&characters.normalized(name)),
        (UsernameCharacters::Ascii, true) => slug(&characters.cleaned(name)),
        (_, false) => characters.cleaned(name),
    }
}

/// Like Django's `slugify`: ASCII after decomposition, lower case, white space and hyphens as one hyphen.
fn slug(name: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c) || c.is_ascii_whitespace();
    let kept: String = name.nfkd().filter(is_kept).collect();
    let mut slug = String::with_capacity(kept.len());
    for c in kept.trim().chars() {
        match c {
            '-' | ' ' | '\t' | '\n' | '\r' | '\x0c' if slug.ends_with('-') => {}
            '-' | ' ' | '\t' | '\n' | '\r' | '\x0c' => slug.push('-'),
            c => slug.push(c.to_ascii_lowercase()),
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(clean: bool, slugify: bool) -> UserRules {
        UserRules { clean_usernames: clean, slugify_usernames: slugify, ..UserRules::default() }
    }

    fn first(name: &str, rules: &UserRules) -> String {
        candidates(rules, name, &Deps::system()).remove(0)
    }

    #[test]
    fn r_usr_02_cleaning_keeps_word_characters_and_five_signs() {
        assert_eq!(first("Jörg Mü/ller!@.+-_ x", &rules(true, false)), "JrgMller@.+-_x");
        assert_eq!(first("User N1", &rules(true, false)), "UserN1");
    }

    #[test]
    fn r_usr_03_a_slug_is_lower_case_ascii() {
        assert_eq!(first("Jörg_Mü!ler X", &rules(true, true)), "jrg_mlerx");
        for (name, slug) in [
            ("Jörg_Mü!ler X", "jorg_muler-x"),
            ("_ana_", "_ana_"),
            ("-ana - lopez-", "-ana-lopez-"),
            (" Ana  Lopez\t", "ana-lopez"),
            ("Straße 李 Ⅳ ﬁ", "strae-iv-fi"),
        ] {
            assert_eq!(first(name, &rules(false, true)), slug);
        }
    }

    #[test]
    fn r_usr_04_the_second_candidate_has_a_suffix() {
        for (uuid_length, len) in [(UserRules::default().uuid_length, 8), (16, 20)] {
            let names = candidates(&UserRules { uuid_length, ..rules(true, false) }, "same", &Deps::system());
            assert_eq!(names[0], "same");
            assert!(names[1].starts_with("same") && names[1].len() == len);
        }
        assert_eq!(candidates(&rules(true, false), "!!!", &Deps::system())[0].len(), 16);
    }

    #[test]
    fn r_usr_04_all_candidates_differ_and_fit_the_column() {
        for (name, clean, slugify) in
            [("a", true, false), ("李", false, false), ("㎒", false, true), ("ﷺ", false, false), ("ü", true, true)]
        {
            let rules = UserRules { uuid_length: 4, ..rules(clean, slugify) };
            let mut names = candidates(&rules, &name.repeat(300), &Deps::system());
            assert!(names.iter().all(|name| (1..=150).contains(&name.chars().count())), "{names:?}");
            let last = names.last().expect("a name");
            assert!(last[last.len() - 32..].bytes().all(|byte| byte.is_ascii_hexdigit()), "{last}");
            let tries = names.len();
            names.dedup();
            assert_eq!(names.len(), tries, "{names:?}");
        }
    }

    #[test]
    fn without_cleaning_a_username_still_has_one_form_and_no_invisible_characters() {
        for (name, username) in
            [("\u{ff41}dmin", "admin"), ("admin\u{200b}", "admin"), ("Zo\u{e9} \u{674e}", "Zo\u{e9}\u{674e}")]
        {
            assert_eq!(first(name, &rules(false, false)), username);
        }
        for blank in ["   ", "\u{3164}", "\r\n"] {
            assert_eq!(first(blank, &rules(false, false)).len(), 16, "{blank:?}");
        }
    }

    #[test]
    fn r_usr_01_no_name_at_all_is_32_hex_digits() {
        let names = candidates(&rules(true, false), "", &Deps::system());
        assert_eq!(names[0].len(), 32);
    }
}
