//! The users of the demo provider: the personas of the simulator.

use crate::simulator::personas::{Persona, Personas};

/// An invented user.
#[derive(Debug)]
pub struct DemoUser {
    /// The user name, which is also the value of `login_hint`.
    pub login: String,
    /// The claim `sub`.
    pub sub: String,
    /// The numeric ID, for OAuth 1.0a.
    pub number: u64,
    pub first_name: String,
    pub last_name: String,
    /// Empty: the user has none.
    pub email: String,
    pub email_verified: bool,
    /// Shown on the consent page.
    pub about: String,
    name: String,
    initials: String,
}

impl DemoUser {
    /// The users of a process, which exist until it ends.
    pub fn all(personas: &Personas) -> &'static [Self] {
        let user = |(number, persona): (u64, &Persona)| Self {
            login: persona.login.clone(),
            sub: format!("demo-{}", if persona.id.is_empty() { &persona.login } else { &persona.id }),
            number,
            first_name: persona.first_name.clone(),
            last_name: persona.last_name.clone(),
            email: persona.email.clone(),
            email_verified: persona.email_verified && !persona.email.is_empty(),
            about: persona.about.clone(),
            name: persona.name(),
            initials: persona.initials(),
        };
        Box::leak((1001..).zip(&personas.personas).map(user).collect::<Vec<_>>().into_boxed_slice())
    }

    pub fn name(&self) -> String {
        self.name.clone()
    }

    pub fn initials(&self) -> String {
        self.initials.clone()
    }
}
