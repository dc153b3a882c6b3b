//! The people of the demo provider. None of them exists; each shows a front-end something that real profiles have.

/// One made-up person.
#[derive(Debug)]
pub struct DemoUser {
    /// Stable, and what `login_hint` may name.
    pub login: &'static str,
    /// `sub` of OpenID Connect.
    pub sub: &'static str,
    /// The numeric id of OAuth 1.0a.
    pub number: u64,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// Empty: the provider knows none.
    pub email: &'static str,
    pub email_verified: bool,
    /// Shown on the consent page: what is special about them.
    pub about: &'static str,
}

impl DemoUser {
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    pub fn initials(&self) -> String {
        [self.first_name, self.last_name].iter().filter_map(|name| name.chars().next()).collect()
    }
}

pub const DEMO_USERS: [DemoUser; 4] = [
    DemoUser {
        login: "mara",
        sub: "demo-4f1c9e02",
        number: 1001,
        first_name: "Mara",
        last_name: "Lindqvist",
        email: "mara@demo.example",
        email_verified: true,
        about: "mara@demo.example",
    },
    DemoUser {
        login: "tomas",
        sub: "demo-83ab57d1",
        number: 1002,
        first_name: "Tomás",
        last_name: "Oyelaran-Ruiz",
        email: "tomas@demo.example",
        email_verified: true,
        about: "tomas@demo.example",
    },
    DemoUser {
        login: "yuki",
        sub: "demo-c7702e9b",
        number: 1003,
        first_name: "Yuki",
        last_name: "Brandt",
        email: "yuki@demo.example",
        email_verified: false,
        about: "yuki@demo.example, not verified",
    },
    DemoUser {
        login: "noor",
        sub: "demo-1d5e66f4",
        number: 1004,
        first_name: "Noor",
        last_name: "",
        email: "",
        email_verified: false,
        about: "one name only, no e-mail",
    },
];

pub fn by_login(login: &str) -> Option<&'static DemoUser> {
    DEMO_USERS.iter().find(|user| user.login == login)
}
