//! SOCIAL_AUTH_PIPELINE: which steps there are and in which order they can do their work (R-PIPE).

/// Every step of `login/pipeline/`.
const STEPS: [&str; 10] = [
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
];

/// The first must come before the second, for the reason.
const ORDER: [(&str, &str, &str); 11] = [
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
    ("associate_user", "load_extra_data", "which needs the account's row"),
];

/// A step that makes no sense alone.
const NEEDS: [(&str, &str, &str); 4] = [
    ("create_user", "social_user", "without which everybody would be new at every login"),
    ("associate_user", "social_user", "without which everybody would be new at every login"),
    ("create_user", "associate_user", "without which a new user could never come back"),
    ("social_user", "social_uid", "without which there is no id to look for"),
];

/// The steps by the last part of their dotted path.
///
/// Errors: an unknown step, one that stands twice, an order in which a step lacks what it needs.
pub(super) fn checked(written: &[String]) -> Result<Vec<String>, String> {
    let steps: Vec<&str> = written.iter().map(|step| step.rsplit('.').next().unwrap_or_default().trim()).collect();
    if steps.is_empty() {
        return Err("must name at least one step".to_owned());
    }
    for (place, step) in steps.iter().enumerate() {
        if !STEPS.contains(step) {
            return Err(format!(
                "{step:?} is no step; there are {}. Functions of a Django project cannot run here",
                STEPS.join(", ")
            ));
        }
        if steps[..place].contains(step) {
            return Err(format!("{step} stands twice"));
        }
    }
    let place = |name: &str| steps.iter().position(|step| *step == name);
    for (step, needed, reason) in NEEDS {
        if place(step).is_some() && place(needed).is_none() {
            return Err(format!("{step} needs {needed}, {reason}"));
        }
    }
    for (first, second, reason) in ORDER {
        if let (Some(earlier), Some(later)) = (place(first), place(second))
            && earlier > later
        {
            return Err(format!("{first} must come before {second}, {reason}"));
        }
    }
    Ok(steps.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DEFAULT_PIPELINE;

    fn check(steps: &[&str]) -> Result<Vec<String>, String> {
        checked(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_default_pipeline_and_the_originals_dotted_paths_pass() {
        assert_eq!(check(&DEFAULT_PIPELINE).as_deref(), Ok(&DEFAULT_PIPELINE.map(str::to_owned)[..]));
        let dotted = DEFAULT_PIPELINE.map(|step| format!("social_core.pipeline.some_module.{step}"));
        assert_eq!(checked(&dotted).as_deref(), Ok(&DEFAULT_PIPELINE.map(str::to_owned)[..]));
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
}
