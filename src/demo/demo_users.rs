//! The users of the demo provider. They are invented; each has a property of real profiles that a front-end must handle.

/// An invented user.
#[derive(Debug)]
pub struct DemoUser {
    /// The user name, which is also the value of `login_hint`.
    pub login: &'static str,
    /// The claim `sub`.
    pub sub: &'static str,
    /// The numeric ID, for OAuth 1.0a.
    pub number: u64,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// Empty: the user has none.
    pub email: &'static str,
    pub email_verified: bool,
    /// Shown on the consent page.
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
        about: "only one name, no e-mail",
    },
];

pub fn by_login(login: &str) -> Option<&'static DemoUser> {
    DEMO_USERS.iter().find(|user| user.login == login)
}
