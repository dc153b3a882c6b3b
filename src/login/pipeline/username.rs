//! Which usernames a new user may get, in the order they are tried (R-USR-01 to 04).

use crate::clock::Ambient;
use crate::settings::UserRules;

/// Django's column.
const LONGEST: usize = 150;
/// The base itself, then it with random tails: two taken tails of 64 bits would be a wonder.
const TRIES: usize = 5;

/// Never empty; the repository takes the first that is free.
pub fn candidates(rules: &UserRules, wanted: Option<&str>, ambient: &Ambient) -> Vec<String> {
    let base = match wanted.filter(|name| !name.is_empty()) {
        Some(name) => cut(name, LONGEST).to_owned(),
        None => ambient.hex::<16>(),
    };
    let first = cleaned(&base, rules);
    let room = LONGEST - rules.uuid_length.min(LONGEST);
    let tailed = (1..TRIES).map(|_| {
        let tail: String = ambient.hex::<64>().chars().take(rules.uuid_length).collect();
        cleaned(&format!("{}{tail}", cut(&base, room)), rules)
    });
    std::iter::once(first).chain(tailed).filter(|name| !name.is_empty()).collect()
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

fn cleaned(name: &str, rules: &UserRules) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || "_.@+-".contains(*c);
    let name: String = if rules.clean_usernames { name.chars().filter(kept).collect() } else { name.to_owned() };
    if rules.slugify_usernames { slug(&name) } else { name }
}

/// Lower case, folded to ASCII, blanks and hyphens to one hyphen, nothing else but word characters.
fn slug(name: &str) -> String {
    let folded = deunicode::deunicode(name).to_lowercase();
    let mut out = String::with_capacity(folded.len());
    for c in folded.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
        } else if (c.is_whitespace() || c == '-') && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(clean: bool, slugify: bool) -> UserRules {
        UserRules { clean_usernames: clean, slugify_usernames: slugify, ..UserRules::default() }
    }

    fn first(name: &str, rules: &UserRules) -> String {
        candidates(rules, Some(name), &Ambient::system()).remove(0)
    }

    #[test]
    fn r_usr_02_cleaning_keeps_word_characters_and_five_signs() {
        assert_eq!(first("Jörg Mü/ller!@.+-_ x", &rules(true, false)), "JrgMller@.+-_x");
        assert_eq!(first("User N1", &rules(true, false)), "UserN1");
    }

    #[test]
    fn r_usr_03_a_slug_is_lower_case_ascii() {
        assert_eq!(first("Jörg_Mü!ler X", &rules(true, true)), "jrg_mlerx");
        assert_eq!(first("Jörg_Mü!ler X", &rules(false, true)), "jorg_muler-x");
    }

    #[test]
    fn r_usr_04_a_taken_name_gets_sixteen_hex_digits() {
        let names = candidates(&rules(true, false), Some("same"), &Ambient::system());
        assert_eq!(names[0], "same");
        assert!(names[1].starts_with("same") && names[1].len() == 20);
        assert_eq!(candidates(&rules(true, false), Some("!!!"), &Ambient::system())[0].len(), 16);
    }

    #[test]
    fn r_usr_01_no_name_at_all_is_32_hex_digits() {
        let names = candidates(&rules(true, false), None, &Ambient::system());
        assert_eq!(names[0].len(), 32);
    }
}
