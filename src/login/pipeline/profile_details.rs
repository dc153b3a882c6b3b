//! The five standard details of a profile; a full name and its parts complete each other (R-PIPE-01, R-USR-07).

use crate::model::{EmailAddress, Identity};
use crate::settings::UserRules;

#[derive(Clone, Debug, Default)]
pub struct Details {
    pub username: Option<String>,
    pub email: Option<EmailAddress>,
    pub fullname: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

impl Details {
    pub fn of(identity: &Identity) -> Self {
        Self {
            username: identity.username.clone(),
            email: identity.email.clone(),
            fullname: identity.fullname.clone(),
            first_name: identity.first_name.clone(),
            last_name: identity.last_name.clone(),
        }
    }

    /// A full name without parts is split at its first space; parts without a full name are joined, unless the last name
    /// contains the first as a word. A part that the provider's answer lacks stays `None`, so that it changes nothing; an
    /// empty full name makes both parts empty.
    pub fn completed(identity: &Identity) -> Self {
        let mut details = Self::of(identity);
        let has_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let (full, first, last) =
            (has_text(&details.fullname), has_text(&details.first_name), has_text(&details.last_name));
        if full && !first && !last {
            let name = details.fullname.clone().unwrap_or_default();
            let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
            details.first_name = Some(first.to_owned());
            details.last_name = Some(last.trim_start().to_owned());
        } else if let (false, Some(first), Some(last)) = (full, &details.first_name, &details.last_name) {
            let contains_first = !first.is_empty() && last.split_whitespace().any(|word| word == first);
            let joined = if contains_first { last.clone() } else { format!("{first} {last}").trim().to_owned() };
            details.fullname = Some(joined);
        } else if details.fullname.as_deref() == Some("") && !first && !last {
            details.first_name = Some(String::new());
            details.last_name = Some(String::new());
        }
        // Blanks around the names are removed, as in social-core.
        for name in [&mut details.fullname, &mut details.first_name, &mut details.last_name].into_iter().flatten() {
            if name.trim().len() != name.len() {
                *name = name.trim().to_owned();
            }
        }
        details
    }

    /// The detail for a field of the user: the one that SOCIAL_AUTH_USER_FIELD_MAPPING maps to it, or the one of the same
    /// name unless that is mapped to another field.
    pub fn field(&self, name: &str, rules: &UserRules) -> Option<&str> {
        let mapping = &rules.user_field_mapping;
        if mapping.contains_key(name) || mapping.values().any(|field| field == name) {
            self.mapped(name, rules)
        } else {
            self.detail(name)
        }
    }

    /// The detail that the setting maps to a field.
    pub fn mapped(&self, name: &str, rules: &UserRules) -> Option<&str> {
        let (detail, _) = rules.user_field_mapping.iter().find(|(_, field)| *field == name)?;
        self.detail(detail)
    }

    fn detail(&self, name: &str) -> Option<&str> {
        match name {
            "username" => self.username.as_deref(),
            "email" => self.email.as_ref().map(EmailAddress::as_str),
            "fullname" => self.fullname.as_deref(),
            "first_name" => self.first_name.as_deref(),
            "last_name" => self.last_name.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(full: Option<&str>, first: Option<&str>, last: Option<&str>) -> Details {
        let identity = Identity {
            fullname: full.map(str::to_owned),
            first_name: first.map(str::to_owned),
            last_name: last.map(str::to_owned),
            ..Identity::blank()
        };
        Details::completed(&identity)
    }

    fn completed(full: &str, first: &str, last: &str) -> (String, String, String) {
        let details = details(Some(full), Some(first), Some(last));
        (
            details.fullname.unwrap_or_default(),
            details.first_name.unwrap_or_default(),
            details.last_name.unwrap_or_default(),
        )
    }

    #[test]
    fn fault_c01_a_missing_part_of_a_name_stays_none() {
        for (full, first, last, wanted) in [
            (None, None, None, (None, None, None)),
            (None, Some("Nell"), None, (None, Some("Nell"), None)),
            (None, None, Some("Varga"), (None, None, Some("Varga"))),
            (None, Some(""), None, (None, Some(""), None)),
            (None, Some("Nell"), Some("Varga"), (Some("Nell Varga"), Some("Nell"), Some("Varga"))),
            (None, Some(""), Some(""), (Some(""), Some(""), Some(""))),
            (Some(""), None, None, (Some(""), Some(""), Some(""))),
            (Some(""), Some("Nell"), None, (Some(""), Some("Nell"), None)),
            (Some("Nell Varga"), None, None, (Some("Nell Varga"), Some("Nell"), Some("Varga"))),
            (Some("Nell Varga"), Some("Nell"), None, (Some("Nell Varga"), Some("Nell"), None)),
            (Some("Cher"), None, None, (Some("Cher"), Some("Cher"), Some(""))),
        ] {
            let made = details(full, first, last);
            let names = (made.fullname.as_deref(), made.first_name.as_deref(), made.last_name.as_deref());
            assert_eq!(names, wanted, "{full:?} {first:?} {last:?}");
        }
    }

    #[test]
    fn r_usr_07_a_full_name_is_split_at_its_first_space() {
        assert_eq!(completed("Ana  Maria  Lopez", "", "").1, "Ana");
        assert_eq!(completed("Ana  Maria  Lopez", "", "").2, "Maria  Lopez");
        assert_eq!(completed(" Ana Lopez", "", "").1, "");
        assert_eq!(completed("Ana Lopez ", "", "").2, "Lopez");
        assert_eq!(completed("", "Ana ", " Lopez "), ("Ana   Lopez".into(), "Ana".into(), "Lopez".into()));
        assert_eq!(completed("Cher", "", ""), ("Cher".into(), "Cher".into(), String::new()));
    }

    #[test]
    fn r_pipe_09_a_mapped_detail_fills_the_other_field() {
        let some = |text: &str| Some(text.to_owned());
        let details = Details {
            username: some("ana"),
            email: EmailAddress::parse("a@b.example"),
            fullname: some("Ana Lopez"),
            first_name: some("Ana"),
            last_name: some("Lopez"),
        };
        for (mapping, first, last, nick) in [
            (&[][..], Some("Ana"), Some("Lopez"), None),
            (&[("fullname", "first_name")], Some("Ana Lopez"), Some("Lopez"), None),
            (&[("first_name", "last_name")], None, Some("Ana"), None),
            (&[("first_name", "last_name"), ("last_name", "first_name")], Some("Lopez"), Some("Ana"), None),
            (&[("username", "nick")], Some("Ana"), Some("Lopez"), Some("ana")),
        ] {
            let pair = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
            let rules = UserRules { user_field_mapping: mapping.iter().map(pair).collect(), ..UserRules::default() };
            let field = |name| details.field(name, &rules);
            assert_eq!((field("first_name"), field("last_name"), field("nick")), (first, last, nick), "{mapping:?}");
        }
    }

    #[test]
    fn parts_are_joined_to_a_full_name() {
        assert_eq!(completed("", "Ana", "Lopez").0, "Ana Lopez");
        assert_eq!(completed("", "Ana", "Ana Lopez").0, "Ana Lopez");
        assert_eq!(completed("", "", "Lopez").0, "Lopez");
    }
}
