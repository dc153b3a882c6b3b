//! ALLOW_GROUPS: a group counts only within the organization that issued it.

use serde_json::{Value, json};

use super::super::ProviderError;
use super::mapping::mapped_with;
use super::{object, provider, settings, try_provider};

const TENANT: &str = "3c1d7a52-7d0c-4c05-8a5f-5a1d8e6b7c11";
const MANY: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

#[test]
fn fault_a6_groups_of_other_tenants_do_not_count() {
    let own_issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    for (name, values, organizations, passes) in [
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": MANY}), "", [false, false]),
        ("azuread-oauth2", json!({}), "", [false, false]),
        ("azuread-v2-tenant-oauth2", json!({"ID_TOKEN_ISSUER": MANY}), "", [false, false]),
        ("oidc", json!({"ID_TOKEN_ISSUER": MANY}), "", [false, false]),
        // The settings name the tenants. The allow list is checked later, by the step auth_allowed.
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": MANY}), TENANT, [true, true]),
        ("oidc", json!({"ID_TOKEN_ISSUER": MANY}), TENANT, [true, true]),
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": MANY, "IMPORTED_TENANT": TENANT}), "", [true, false]),
        ("azuread-v2-tenant-oauth2", json!({"ID_TOKEN_ISSUER": MANY, "TENANT_ID": TENANT}), "", [true, false]),
        ("oidc", json!({"ID_TOKEN_ISSUER": MANY, "IMPORTED_TENANT": own_issuer}), "", [true, false]),
        // Tokens of another tenant are refused before.
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": own_issuer}), "", [true, true]),
        ("oidc", json!({"ID_TOKEN_ISSUER": "https://id.example"}), "", [true, true]),
        ("okta-oauth2", json!({"API_URL": "https://o.example/oauth2"}), "", [true, true]),
    ] {
        let mut all = object(json!({"KEY": "k", "SECRET": "s", "ALLOW_GROUPS": ["admins"],
            "OIDC_ENDPOINT": "https://login.microsoftonline.com/common/v2.0"}));
        all.extend(object(values.clone()));
        let mut settings = settings(name, Value::Object(all));
        settings.user_rules.allowed_organizations = organizations.split_whitespace().map(str::to_owned).collect();
        let microsoft = provider(&settings);
        let of = |tenant: &str, groups: Value| {
            let claims = json!({"iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"), "tid": tenant,
                "sub": "s", "groups": groups, "organization": TENANT});
            let bodies = if name == "okta-oauth2" { json!([claims]) } else { json!([]) };
            mapped_with(&microsoft, json!({}), json!({"access_token": "at"}), Some(claims), bodies)
        };
        for (tenant, passes) in [TENANT, "evil-tenant"].into_iter().zip(passes) {
            let found = of(tenant, json!(["users", "admins"]));
            assert_eq!(found.is_ok(), passes, "{name} {values} {organizations} {tenant}: {found:?}");
            assert!(found.is_ok() || matches!(found, Err(ProviderError::NotAllowed { .. })));
            assert!(of(tenant, json!(["users"])).is_err(), "{name}: another group");
            // The step compares the tenant, whatever the claim `organization` says.
            if let Ok(identity) = &found
                && !organizations.is_empty()
            {
                assert_eq!(identity.organizations, [tenant], "{name}");
            }
        }
    }
}

/// At WorkOS each organization has its own directory.
#[test]
fn fault_a6_groups_of_any_organization_of_workos_do_not_count() {
    for (values, organizations, passes) in [
        (json!({"PROVIDER": "GoogleOAuth"}), "", false),
        (json!({"PROVIDER": "GoogleOAuth"}), "org_1", true),
        (json!({"ORGANIZATION": "org_1"}), "", true),
    ] {
        let mut all = object(json!({"KEY": "k", "SECRET": "s", "ALLOW_GROUPS": ["admins"]}));
        all.extend(object(values.clone()));
        let mut settings = settings("workos", Value::Object(all));
        settings.user_rules.allowed_organizations = organizations.split_whitespace().map(str::to_owned).collect();
        let token =
            json!({"access_token": "at", "profile": {"id": "p1", "organization_id": "org_1", "groups": ["admins"]}});
        let made = mapped_with(&provider(&settings), json!({}), token, None, json!([]));
        assert_eq!(made.is_ok(), passes, "{values} {organizations}: {made:?}");
    }
}

#[test]
fn groups_that_others_can_create_warn() {
    let warning = |name: &str, values: Value| {
        let mut all = json!({"KEY": "k", "SECRET": "s", "ALLOW_GROUPS": ["admins"]});
        all.as_object_mut().expect("an object").extend(object(values));
        let (_, warnings) = try_provider(&settings(name, all)).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        warnings.into_iter().find(|warning| warning.contains("groups of these names"))
    };
    let authority = |tenant: &str| json!({"AUTHORITY_URL": format!("https://login.microsoftonline.com/{tenant}")});
    let endpoint = |tenant: &str| json!({"OIDC_ENDPOINT": format!("https://login.microsoftonline.com/{tenant}/v2.0")});
    for (name, values, expected) in [
        ("gitlab", json!({"GROUPS_ENABLED": true, "GROUPS_IDENTIFIER": "name"}), true),
        ("gitlab", json!({"GROUPS_ENABLED": true}), false),
        ("azuread-oauth2", json!({}), true),
        ("azuread-oauth2", authority("common"), true),
        ("azuread-oauth2", authority("Organizations/"), true),
        ("azuread-oauth2", authority(TENANT), false),
        ("azuread-oauth2", json!({"IMPORTED_TENANT": TENANT}), false),
        ("azuread-v2-tenant-oauth2", json!({}), true),
        ("azuread-v2-tenant-oauth2", authority("organizations"), true),
        ("azuread-v2-tenant-oauth2", authority(TENANT), false),
        ("azuread-v2-tenant-oauth2", json!({"TENANT_ID": TENANT}), false),
        ("workos", json!({"PROVIDER": "GoogleOAuth"}), true),
        ("workos", json!({"ORGANIZATION": "org_1"}), false),
        ("oidc", json!({"OIDC_ENDPOINT": "https://id.example"}), false),
        ("oidc", json!({"OIDC_ENDPOINT": "https://id.example/common"}), false),
        ("oidc", endpoint("common"), true),
        ("oidc", endpoint("consumers"), true),
        ("oidc", endpoint(TENANT), false),
        ("oidc", json!({"OIDC_ENDPOINT": "https://login.windows.net/common"}), true),
        ("oidc", json!({"OIDC_ENDPOINT": format!("https://login.windows.net/{TENANT}")}), false),
        // The issuer of the settings decides, as at a login.
        ("oidc", json!({"OIDC_ENDPOINT": "https://id.example", "ID_TOKEN_ISSUER": MANY}), true),
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": MANY}), true),
        ("azuread-oauth2", json!({"ID_TOKEN_ISSUER": format!("https://sts.windows.net/{TENANT}/")}), false),
    ] {
        let found = warning(name, values.clone());
        assert_eq!(found.is_some(), expected, "{name} {values}");
        let names_remedy = found.as_ref().is_some_and(|text| text.contains("_ALLOWED_ORGANIZATIONS"));
        assert_eq!(names_remedy, expected && name != "gitlab", "{found:?}");
    }
}
