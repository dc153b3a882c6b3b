//! Which usernames a new user may get, in the order they are tried (R-USR-01 to 04).

use unicode_normalization::UnicodeNormalization as _;

use crate::clock::Deps;
use crate::settings::UserRules;

/// Django's column.
const LONGEST: usize = 150;
/// The base itself, then it with random tails.
const TRIES: usize = 5;
/// Of the last try, however short the settings make the others: that one taken would be a wonder.
const LAST_TAIL: usize = 32;

/// Never empty; the repository takes the first that is free.
pub fn candidates(rules: &UserRules, wanted: &str, deps: &Deps) -> Vec<String> {
    let base = if wanted.is_empty() { deps.hex::<16>() } else { cleaned(cut(wanted, LONGEST), rules) };
    let tailed = (1..TRIES).map(|n| {
        let length = if n + 1 == TRIES { LAST_TAIL } else { rules.uuid_length };
        let tail: String = deps.hex::<16>().chars().take(length).collect();
        format!("{}{tail}", cut(&base, LONGEST - tail.len()))
    });
    std::iter::once(cut(&base, LONGEST).to_owned()).chain(tailed).filter(|name| !name.is_empty()).collect()
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

fn cleaned(name: &str, rules: &UserRules) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || "_.@+-".contains(*c);
    let name: String = if rules.clean_usernames { name.chars().filter(kept).collect() } else { name.to_owned() };
    if rules.slugify_usernames { slug(&name) } else { name }
}

/// As Django's: what is ASCII once accents are taken off; word characters in lower case, blanks and hyphens as one hyphen.
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
    fn r_usr_04_a_taken_name_gets_sixteen_hex_digits() {
        let names = candidates(&rules(true, false), "same", &Deps::system());
        assert_eq!(names[0], "same");
        assert!(names[1].starts_with("same") && names[1].len() == 20);
        assert_eq!(candidates(&rules(true, false), "!!!", &Deps::system())[0].len(), 16);
    }

    #[test]
    fn r_usr_04_every_try_is_another_name_that_fits_its_column() {
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
    fn r_usr_01_no_name_at_all_is_32_hex_digits() {
        let names = candidates(&rules(true, false), "", &Deps::system());
        assert_eq!(names[0].len(), 32);
    }
}
