//! The invented users of the simulator, and what may happen at a login. `personas.toml` has the default ones; a tester may replace
//! that file.

use serde::Deserialize;

/// The contents of a file of personas.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personas {
    /// The users, of which there is at least one.
    pub personas: Vec<Persona>,
    /// What may happen, of which there is at least one. The first is the usual one.
    pub behaviours: Vec<Behaviour>,
}

/// An invented user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Persona {
    /// The user name, which is also the value of `login_hint`.
    pub login: String,
    /// Hex digits of the ID at the demo provider.
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    /// Empty: the user has none.
    pub email: String,
    #[serde(default = "yes")]
    pub email_verified: bool,
    /// Shown on the consent page.
    pub about: String,
}

fn yes() -> bool {
    true
}

impl Persona {
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    pub fn initials(&self) -> String {
        [&self.first_name, &self.last_name].iter().filter_map(|name| name.chars().next()).collect()
    }
}

/// What happens at a login.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// The value of the parameter `behaviour`.
    pub name: String,
    /// Shown on the consent page.
    pub title: String,
    pub email: EmailState,
    /// Replaces the first name.
    pub first_name: Option<String>,
    /// Replaces the last name.
    pub last_name: Option<String>,
    /// Another account of the provider with the same data.
    pub second_account: bool,
    /// The provider sends the name at the first consent only.
    pub names_once: bool,
    pub outcome: Outcome,
    /// How long the provider takes to answer the token request.
    pub delay_seconds: u64,
}

/// The state of an e-mail address.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EmailState {
    /// As the persona says.
    #[default]
    Ordinary,
    Absent,
    Unverified,
}

/// How a login ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Ordinary,
    /// The user denies consent.
    Denied,
    /// The code is refused.
    InvalidCode,
    /// The access token is refused.
    ExpiredToken,
    /// Status 429.
    RateLimited,
    /// Status 500.
    ServerError,
    /// There is no answer.
    Timeout,
    /// The refresh token is refused.
    Revoked,
}

impl Personas {
    /// The default ones.
    pub fn built_in() -> Self {
        Self::parse(include_str!("personas.toml")).expect("the file is part of the program")
    }

    /// Parses a file.
    ///
    /// Errors: the first problem.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        let logins = all.personas.iter().map(|persona| &persona.login);
        let names = all.behaviours.iter().map(|behaviour| &behaviour.name);
        for (what, list) in [("personas", logins.collect::<Vec<_>>()), ("behaviours", names.collect())] {
            let is_word = |name: &&&String| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            };
            if list.is_empty() {
                return Err(format!("{what}: there must be at least one"));
            }
            if let Some(bad) = list.iter().find(|name| !is_word(name)) {
                return Err(format!("{what}: the name {bad:?} must consist of ASCII letters, digits, - and _"));
            }
            if let Some(twice) = list.iter().enumerate().find(|(at, name)| list[..*at].contains(name)) {
                return Err(format!("{what}: {} occurs twice", twice.1));
            }
        }
        Ok(all)
    }

    /// A persona by its name or e-mail address, with its position.
    pub fn find(&self, hint: &str) -> Option<(usize, &Persona)> {
        let is_it = |persona: &Persona| persona.login == hint || !hint.is_empty() && persona.email == hint;
        self.personas.iter().enumerate().find(|(_, persona)| is_it(persona))
    }

    pub fn behaviour(&self, name: &str) -> Option<&Behaviour> {
        self.behaviours.iter().find(|behaviour| behaviour.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_personas_parse() {
        let all = Personas::built_in();
        assert_eq!(all.find("yuki").map(|(at, persona)| (at, persona.email_verified)), Some((2, false)));
        assert!(all.find("mara@demo.example").is_some() && all.find("").is_none());
        assert_eq!(all.behaviours[0].outcome, Outcome::Ordinary);
    }

    #[test]
    fn a_file_with_an_error_is_refused_with_its_place() {
        for (text, expected) in [
            ("personas = []\nbehaviours = []", "personas: there must be at least one"),
            ("[[personas]]\nlogin = \"a b\"\n[[behaviours]]\nname = \"x\"", "must consist of"),
            (
                "[[personas]]\nlogin = \"a\"\n[[personas]]\nlogin = \"a\"\n[[behaviours]]\nname = \"x\"",
                "a occurs twice",
            ),
            ("[[personas]]\nlogon = \"a\"", "logon"),
        ] {
            let error = Personas::parse(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
