//! SOCIAL_AUTH_PIPELINE: which steps there are and in which order they can do their work (R-PIPE).

use super::names;

/// Asks the operator's software whether somebody new may be.
const WEBHOOK: &str = "webhook";

/// Every step of `login/pipeline/`.
const STEPS: [&str; 13] = [
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
    "save_avatar",
    WEBHOOK,
];

/// The first must come before the second, for the reason.
const ORDER: [(&str, &str, &str); 23] = [
    ("social_details", "auth_allowed", "which looks at the e-mail that it finds"),
    ("social_details", "get_username", "which takes the names that it finds"),
    ("social_details", "associate_by_email", "which takes the e-mail that it finds"),
    ("social_details", "user_details", "which takes the names that it finds"),
    ("social_uid", "social_user", "which looks for the id that it finds"),
    ("social_user", "associate_by_email", "which is for accounts that it does not know"),
    ("social_user", "create_user", "which is for accounts that it does not know"),
    ("get_username", "create_user", "which needs the username"),
    ("associate_by_email", "create_user", "which is for people whom it does not find"),
    ("create_user", "associate_user", "which needs the user"),
    ("social_user", "associate_user", "which is for accounts that it does not know"),
    ("associate_user", "load_extra_data", "which needs the account's row"),
    ("social_user", "load_extra_data", "which adds to what the account's row has"),
    ("social_user", "user_details", "which must know whose fields may not change"),
    ("associate_by_email", "user_details", "which must know whose fields may not change"),
    ("social_details", "require_email", "which asks where it finds no e-mail"),
    ("auth_allowed", "require_email", "or whoever names a listed address would be let in"),
    ("social_user", "require_email", "which asks only people whom it does not know"),
    ("associate_by_email", "require_email", "since an address that nobody vouches for must not be looked for"),
    ("social_details", WEBHOOK, "which tells the names and the e-mail that it finds"),
    ("social_user", WEBHOOK, "which is for accounts that it does not know"),
    ("associate_by_email", WEBHOOK, "which is for people whom it does not find"),
    (WEBHOOK, "create_user", "which it may forbid"),
];

/// A step that makes no sense alone.
const NEEDS: [(&str, &str, &str); 8] = [
    ("create_user", "social_user", "without which everybody would be new at every login"),
    ("associate_user", "social_user", "without which everybody would be new at every login"),
    ("create_user", "associate_user", "without which a new user could never come back"),
    ("social_user", "social_uid", "without which there is no id to look for"),
    ("require_email", "social_user", "without which everybody would be asked at every login"),
    ("require_email", "create_user", "which is for whom it asks"),
    (WEBHOOK, "social_user", "without which it would be asked at every login"),
    (WEBHOOK, "create_user", "which it may forbid"),
];

/// The steps by the last part of their dotted path. `own`: the names of a program's own steps.
///
/// Errors, all of them: an unknown step, one that stands twice, an order in which a step lacks what it needs.
pub(super) fn checked(written: &[String], own: &[&str]) -> Result<Vec<String>, String> {
    let known: Vec<&str> = STEPS.iter().chain(own).copied().collect();
    let (mut steps, mut problems): (Vec<&str>, Vec<String>) = Default::default();
    for step in written.iter().map(|step| step.rsplit('.').next().unwrap_or_default().trim()) {
        let meant = if known.contains(&step) { Some(step) } else { names::nearest(step, known.iter().copied()) };
        if meant != Some(step) {
            problems.push(unknown(step, meant, &known));
        } else if steps.contains(&step) {
            problems.push(format!("{step} stands twice"));
        }
        // A slip is no missing step besides.
        steps.push(meant.unwrap_or(step));
    }
    if steps.is_empty() {
        problems.push("must name at least one step".to_owned());
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
    if problems.is_empty() { Ok(steps.into_iter().map(str::to_owned).collect()) } else { Err(problems.join("; ")) }
}

/// Puts the step that asks the operator's software before the one that creates, where it has no place yet.
pub(super) fn ask_webhook(steps: &mut Vec<String>) {
    let creates = steps.iter().position(|step| step == "create_user");
    if let Some(place) = creates.filter(|_| !asks_webhook(steps)) {
        steps.insert(place, WEBHOOK.to_owned());
    }
}

pub(super) fn asks_webhook(steps: &[String]) -> bool {
    steps.iter().any(|step| step == WEBHOOK)
}

/// Whether a program's own step may be called so.
pub fn own_step_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if STEPS.contains(&name) {
        return Err("is the name of a built-in step".to_owned());
    }
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err("a step's name is 1 to 64 letters, digits, - and _".to_owned());
    }
    Ok(())
}

fn unknown(step: &str, meant: Option<&str>, known: &[&str]) -> String {
    match meant {
        Some(nearest) => format!("{step:?} is no step; did you mean {nearest}?"),
        None => format!(
            "{step:?} is no step; there are {}. Functions of a Django project cannot run here; a Rust program registers \
             steps of its own",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DEFAULT_PIPELINE;

    fn check(steps: &[&str]) -> Result<Vec<String>, String> {
        checked(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>(), &["terms"])
    }

    #[test]
    fn the_default_pipeline_and_the_originals_dotted_paths_pass() {
        assert_eq!(check(&DEFAULT_PIPELINE).as_deref(), Ok(&DEFAULT_PIPELINE.map(str::to_owned)[..]));
        let dotted = DEFAULT_PIPELINE.map(|step| format!("social_core.pipeline.some_module.{step}"));
        assert_eq!(checked(&dotted, &[]).as_deref(), Ok(&DEFAULT_PIPELINE.map(str::to_owned)[..]));
    }

    #[test]
    fn a_pipeline_without_new_users_passes() {
        assert!(check(&["social_details", "social_uid", "social_user", "load_extra_data"]).is_ok());
    }

    #[test]
    fn an_impossible_order_is_refused_with_the_reason() {
        let mut steps = DEFAULT_PIPELINE;
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
    fn all_mistakes_of_a_pipeline_are_told_at_once() {
        let steps = ["social_uid", "social_uid", "socail_user", "associate_user", "create_user", "make_coffee"];
        let told = check(&steps).expect_err("four mistakes");
        for part in
            ["social_uid stands twice", "mean social_user?", "\"make_coffee\" is no step", "create_user must come"]
        {
            assert!(told.contains(part) && !told.contains("needs social_user"), "{part}: {told}");
        }
    }

    #[test]
    fn what_changes_somebody_known_stands_after_the_step_that_finds_them() {
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
    fn a_programs_own_step_stands_anywhere_and_a_slip_is_told_with_the_nearest_name() {
        assert!(check(&["social_uid", "terms", "social_user"]).is_ok());
        assert_eq!(check(&["social_uid", "term"]), Err(r#""term" is no step; did you mean terms?"#.to_owned()));
        assert_eq!(check(&["save_avatr"]), Err(r#""save_avatr" is no step; did you mean save_avatar?"#.to_owned()));
        assert!(own_step_name("terms").is_ok());
        assert!(own_step_name("create_user").is_err() && own_step_name("my terms").is_err());
    }

    #[test]
    fn an_address_is_asked_for_when_it_can_let_nobody_in_and_link_nobody() {
        let mut steps = DEFAULT_PIPELINE.to_vec();
        steps.insert(5, "require_email");
        assert!(check(&steps).is_ok());
        steps.insert(6, "associate_by_email");
        assert!(check(&steps).is_err_and(|problem| problem.starts_with("associate_by_email must come before")));
        assert!(check(&["social_details", "require_email", "auth_allowed"]).is_err());
    }
}
