//! SOCIAL_AUTH_PIPELINE: the known steps, and which of them must come before others (R-PIPE).

use super::table;

/// Asks the operator's software before a user is created.
const WEBHOOK: &str = "webhook";
/// Asks whether an unknown account belongs to the user with its e-mail address.
const ASK_LINK: &str = "ask_link";

/// Every step of `login/pipeline/`.
const STEPS: [&str; 14] = [
    "social_details",
    "social_uid",
    "auth_allowed",
    "social_user",
    "get_username",
    "associate_by_email",
    "create_user",
    "associate_user",
    "load_extra_data",
    "user_details",
    "require_email",
    ASK_LINK,
    "save_avatar",
    WEBHOOK,
];

/// The first must come before the second, for the reason.
const ORDER: [(&str, &str, &str); 30] = [
    ("social_details", "auth_allowed", "which checks the e-mail address that it reads"),
    ("social_details", "get_username", "which uses the names that it reads"),
    ("social_details", "associate_by_email", "which uses the e-mail address that it reads"),
    ("social_details", "user_details", "which uses the names that it reads"),
    ("social_uid", "social_user", "which looks for the uid that it reads"),
    ("social_user", "associate_by_email", "which is for unknown accounts"),
    ("social_user", "create_user", "which is for unknown accounts"),
    ("get_username", "create_user", "which needs the username"),
    ("associate_by_email", "create_user", "which is for users that it does not find"),
    ("create_user", "associate_user", "which needs the user"),
    ("social_user", "associate_user", "which is for unknown accounts"),
    ("associate_user", "load_extra_data", "which needs the account's row"),
    ("social_user", "load_extra_data", "which adds to what the account's row has"),
    ("social_user", "user_details", "which must know the user whose fields are protected"),
    ("associate_by_email", "user_details", "which must know the user whose fields are protected"),
    ("social_details", "require_email", "which asks for a missing e-mail address"),
    ("auth_allowed", "require_email", "because any user could enter an allowed address"),
    ("social_user", "require_email", "which asks new users only"),
    ("associate_by_email", "require_email", "because an unverified address must not identify a user"),
    ("social_details", WEBHOOK, "which sends the names and the e-mail address that it reads"),
    ("social_user", WEBHOOK, "which is for unknown accounts"),
    ("associate_by_email", WEBHOOK, "which is for users that it does not find"),
    (WEBHOOK, "create_user", "which it may refuse"),
    ("social_details", ASK_LINK, "which uses the e-mail address that it reads"),
    ("social_user", ASK_LINK, "which is for unknown accounts"),
    ("auth_allowed", ASK_LINK, "because it must not tell a refused account anything"),
    (ASK_LINK, "create_user", "which is for users that it does not find"),
    (ASK_LINK, "user_details", "which must know the user whose fields are protected"),
    (ASK_LINK, "require_email", "because an unverified address must not identify a user"),
    (ASK_LINK, WEBHOOK, "which is for users that it does not find"),
];

/// The first needs the second, for the reason.
const NEEDS: [(&str, &str, &str); 10] = [
    ("create_user", "social_user", "without which every login would create a user"),
    ("associate_user", "social_user", "without which every login would create a user"),
    ("create_user", "associate_user", "without which a new user could not sign in again"),
    ("social_user", "social_uid", "without which there is no uid to look for"),
    ("require_email", "social_user", "without which it would ask at every login"),
    ("require_email", "create_user", "because it asks new users only"),
    (WEBHOOK, "social_user", "without which it would call at every login"),
    (WEBHOOK, "create_user", "which it may refuse"),
    (ASK_LINK, "social_user", "without which it would ask at every login"),
    (ASK_LINK, "associate_user", "without which it could not link the account"),
];

/// The steps by the last part of their dotted path. `custom`: names of the custom steps of a program.
///
/// Errors, all in one text: an unknown step, a duplicate, a missing step, a wrong order.
pub(super) fn checked(written: &[String], custom: &[&str]) -> Result<Vec<String>, String> {
    let known: Vec<&str> = STEPS.iter().chain(custom).copied().collect();
    let (mut steps, mut problems): (Vec<&str>, Vec<String>) = Default::default();
    for path in written {
        let (module, step) = path.rsplit_once('.').map_or((None, path.as_str()), |(module, step)| (Some(module), step));
        let step = step.trim();
        if let Some(module) = module.filter(|module| STEPS.contains(&step) && !is_of_social_core(module)) {
            problems.push(format!(
                "{}.{step} is a function of your project, which cannot run here: write {step} for the step of this server, or \
                 social_core.pipeline.{step} if you import that",
                module.trim()
            ));
        }
        let meant = if known.contains(&step) { Some(step) } else { table::nearest(step, known.iter().copied()) };
        if meant != Some(step) {
            problems.push(unknown(step, meant, &known));
        } else if steps.contains(&step) {
            problems.push(format!("{step} is listed twice"));
        }
        // A misspelt step is not reported as missing too.
        steps.push(meant.unwrap_or(step));
    }
    if steps.is_empty() {
        problems.push("must list at least one step".to_owned());
    }
    let place = |name: &str| steps.iter().position(|step| *step == name);
    for (step, needed, reason) in NEEDS {
        if place(step).is_some() && place(needed).is_none() {
            problems.push(format!("{step} needs {needed}, {reason}"));
        }
    }
    for (first, second, reason) in ORDER {
        if let (Some(earlier), Some(later)) = (place(first), place(second))
            && earlier > later
        {
            problems.push(format!("{first} must come before {second}, {reason}"));
        }
    }
    if place(ASK_LINK).is_some() && place("associate_by_email").is_some() {
        problems
            .push("ask_link and associate_by_email exclude each other: one asks, the other links by itself".to_owned());
    }
    if problems.is_empty() { Ok(steps.into_iter().map(str::to_owned).collect()) } else { Err(problems.join("; ")) }
}

/// Whether the module is one of social-core, or of python-social-auth, its predecessor.
fn is_of_social_core(module: &str) -> bool {
    let module = module.trim();
    ["social_core.pipeline", "social.pipeline"]
        .iter()
        .any(|known| module.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Adds the step webhook before create_user, unless it is listed.
pub(super) fn add_webhook(steps: &mut Vec<String>) {
    let creates = steps.iter().position(|step| step == "create_user");
    if let Some(place) = creates.filter(|_| !has_webhook(steps)) {
        steps.insert(place, WEBHOOK.to_owned());
    }
}

pub(super) fn has_webhook(steps: &[String]) -> bool {
    steps.iter().any(|step| step == WEBHOOK)
}

/// Checks the name of a custom step of a program.
///
/// Errors: a built-in step has the name, or it contains characters other than letters, digits, `-` and `_`.
pub fn check_step_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if STEPS.contains(&name) {
        return Err("is the name of a built-in step".to_owned());
    }
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err("a step's name has 1 to 64 letters, digits, - and _".to_owned());
    }
    Ok(())
}

fn unknown(step: &str, meant: Option<&str>, known: &[&str]) -> String {
    match meant {
        Some(nearest) => format!("{step:?} is not a step; did you mean {nearest}?"),
        None => format!(
            "{step:?} is not a step; the steps are {}. Functions of a Django project cannot run here; a Rust program can \
             register custom steps",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_pipeline() -> Vec<&'static str> {
        let setting = table::setting("SOCIAL_AUTH_PIPELINE").expect("a row");
        setting.default.as_deref().unwrap_or_default().split(',').collect()
    }

    fn check(steps: &[&str]) -> Result<Vec<String>, String> {
        checked(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>(), &["terms"])
    }

    #[test]
    fn default_pipeline_and_dotted_paths_are_accepted() {
        let steps: Vec<String> = default_pipeline().into_iter().map(str::to_owned).collect();
        assert_eq!(checked(&steps, &[]).as_ref(), Ok(&steps));
        for module in ["social_core.pipeline.module", "social.pipeline.module", "social_core.pipeline"] {
            let dotted: Vec<String> = steps.iter().map(|step| format!("{module}.{step}")).collect();
            assert_eq!(checked(&dotted, &[]).as_ref(), Ok(&steps));
        }
    }

    #[test]
    fn function_of_a_project_is_not_replaced_by_the_step_of_its_name() {
        for module in ["my_project.pipeline", "social_core", "social_core.pipeline_of_mine", ""] {
            for step in STEPS {
                let problem = check(&[&format!("{module}.{step}")]).expect_err(step);
                assert!(problem.contains(&format!("{module}.{step} is a function of your project")), "{problem}");
            }
        }
        assert!(check(&["social_uid", "my_program.terms", "social_user"]).is_ok(), "a step of the program");
    }

    #[test]
    fn pipeline_without_create_user_is_accepted() {
        assert!(check(&["social_details", "social_uid", "social_user", "load_extra_data"]).is_ok());
    }

    #[test]
    fn wrong_order_is_refused_with_the_reason() {
        let mut steps = default_pipeline();
        steps.swap(5, 6);
        let problem = check(&steps).expect_err("create_user after associate_user");
        assert_eq!(problem, "create_user must come before associate_user, which needs the user");
        for wrong in [
            &["social_user", "social_uid"][..],
            &["social_uid", "social_user", "create_user"],
            &["social_uid", "create_user", "associate_user"],
            &["social_uid", "social_uid"],
            &["my_project.pipeline.save_profile"],
            &[],
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn all_errors_of_a_pipeline_are_reported_together() {
        let steps = ["social_uid", "social_uid", "socail_user", "associate_user", "create_user", "make_coffee"];
        let error = check(&steps).expect_err("four errors");
        for part in [
            "social_uid is listed twice",
            "mean social_user?",
            "\"make_coffee\" is not a step",
            "create_user must come",
        ] {
            assert!(error.contains(part) && !error.contains("needs social_user"), "{part}: {error}");
        }
    }

    #[test]
    fn steps_that_change_a_user_come_after_those_that_find_it() {
        let known = ["social_details", "social_uid", "social_user"];
        for step in ["user_details", "load_extra_data", "associate_user"] {
            assert!(check(&[&known[..], &[step]].concat()).is_ok(), "{step}");
            let problem = check(&[&known[..2], &[step], &known[2..]].concat()).expect_err(step);
            assert!(problem.starts_with(&format!("social_user must come before {step}, which")), "{problem}");
        }
        let by_email = [&known[..], &["user_details", "associate_by_email"]].concat();
        assert!(check(&by_email).is_err_and(|problem| problem.starts_with("associate_by_email must come before")));
    }

    #[test]
    fn custom_step_may_stand_anywhere() {
        assert!(check(&["social_uid", "terms", "social_user"]).is_ok());
        assert_eq!(check(&["social_uid", "term"]), Err(r#""term" is not a step; did you mean terms?"#.to_owned()));
        assert_eq!(check(&["save_avatr"]), Err(r#""save_avatr" is not a step; did you mean save_avatar?"#.to_owned()));
        assert!(check_step_name("terms").is_ok());
        assert!(check_step_name("create_user").is_err() && check_step_name("my terms").is_err());
    }

    #[test]
    fn require_email_comes_after_the_steps_that_use_the_address() {
        let mut steps = default_pipeline();
        steps.insert(5, "require_email");
        assert!(check(&steps).is_ok());
        steps.insert(6, "associate_by_email");
        assert!(check(&steps).is_err_and(|problem| problem.starts_with("associate_by_email must come before")));
        assert!(check(&["social_details", "require_email", "auth_allowed"]).is_err());
    }
}
