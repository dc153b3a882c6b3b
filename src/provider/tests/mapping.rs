//! From answers to an identity.

use serde_json::{Map, Value, json};

use super::super::profile::Answers;
use super::super::{Callback, Protocol, Provider, ProviderError, Stage, user_fields};
use super::{callback, context, key, object, own, provider, settings};
use crate::model::{AccountUid, Identity, ScopeRule, UserField, UserFieldType, UserFields};
use crate::outgoing::Body;
use crate::settings::UserRules;

pub fn mapped_with(
    provider: &Provider,
    fields: Value,
    token: Value,
    claims: Option<Value>,
    bodies: Value,
) -> Result<Identity, ProviderError> {
    let (fields, nothing) = (object(fields), Map::new());
    let callback = callback(&fields, &nothing);
    let mut context = context(provider, &callback, token);
    context.claims = claims;
    provider.map_identity(&context, &Answers { bodies, ..Answers::default() })
}

fn mapped(provider: &Provider, bodies: Value) -> Result<Identity, ProviderError> {
    mapped_with(provider, json!({}), json!({"access_token": "at", "token_type": "bearer"}), None, bodies)
}

#[test]
fn r_pipe_02_a_profile_without_a_stable_id_is_refused() {
    let github = provider(&key("github"));
    for id in [json!(null), json!(""), json!("  "), json!(true), json!([1]), json!({"a": 1}), json!(1.5)] {
        let refused = mapped(&github, json!([{"id": id, "login": "x"}, null]));
        assert!(matches!(refused, Err(ProviderError::Failed { stage: Stage::Profile, .. })), "{id}");
    }
    assert!(mapped(&github, json!([{"login": "x"}, null])).is_err());
    assert_eq!(
        mapped(&github, json!([{"id": 12_345_678_901_234_567_u64, "login": "x"}, null])).unwrap().uid,
        "12345678901234567"
    );
}

#[test]
fn r_err_21_values_of_a_wrong_type_are_refused() {
    let github = provider(&key("github"));
    for wrong in [json!({"id": 1, "login": 5}), json!({"id": 1, "email": true}), json!({"id": 1, "name": ["a"]})] {
        assert!(mapped(&github, json!([wrong, null])).is_err(), "{wrong}");
    }
    for no_object in [json!(false), json!(null), json!([1]), json!("x")] {
        assert!(mapped(&github, json!([no_object, null])).is_err(), "{no_object}");
    }
}

#[test]
fn r_o2_05_github_uses_the_primary_address_and_its_flag() {
    let github = provider(&key("github"));
    let of = |list: Value| {
        let made = mapped(&github, json!([{"id": 1, "login": "x", "email": "public@example.com"}, list])).unwrap();
        (made.email.map(|email| email.to_string()).unwrap_or_default(), made.email_verified)
    };
    let entry =
        |email: &str, primary: bool, verified: Value| json!({"email": email, "primary": primary, "verified": verified});
    assert_eq!(
        of(json!([entry("a@x.example", false, json!(true)), entry("b@x.example", true, json!(true))])),
        ("b@x.example".to_owned(), true)
    );
    assert_eq!(of(json!([entry("a@x.example", true, json!(false))])), ("a@x.example".to_owned(), false));
    assert_eq!(of(json!([entry("a@x.example", true, json!("yes"))])), ("a@x.example".to_owned(), false));
    assert_eq!(of(json!([entry("a@x.example", false, json!(true))])), ("a@x.example".to_owned(), false));
    assert_eq!(of(json!(["plain@x.example"])), ("plain@x.example".to_owned(), false));
    assert_eq!(of(json!([])), ("public@example.com".to_owned(), false));
    assert_eq!(of(Value::Null), ("public@example.com".to_owned(), false));
}

#[test]
fn sec_24_email_verified_follows_the_rule_of_the_provider() {
    let google = provider(&key("google-oauth2"));
    let of = |more: Value| {
        let mut profile = json!({"sub": "1", "email": "a@firm.example", "email_verified": true});
        profile.as_object_mut().unwrap().extend(object(more));
        mapped(&google, json!([profile])).map(|identity| identity.email_verified)
    };
    assert!(!of(json!({})).unwrap(), "an address that Google does not keep is only claimed");
    assert!(of(json!({"hd": "firm.example"})).unwrap());
    assert!(of(json!({"email": "a@gmail.com"})).unwrap());
    for unverified in [json!(null), json!(false), json!(1), json!("true")] {
        assert!(
            matches!(of(json!({"email_verified": unverified})), Err(ProviderError::NotAllowed { .. })),
            "{unverified}"
        );
    }
    for name in ["facebook", "vk-oauth2", "instagram", "yandex-oauth2", "twitter"] {
        assert!(provider(&key(name)).descriptor.user.email_verified.is_none(), "{name}");
    }
    let discord =
        provider(&own("title = 'd'\nuser = { email = 'profile.email', email_verified = 'profile.verified' }\n\
         [authorization]\nurl = 'https://d.example'\n[token]\nurl = 'https://d.example'"));
    for (verified, wanted) in
        [(json!(true), true), (json!("true"), true), (json!("True"), false), (json!(1), false), (json!(null), false)]
    {
        let made = mapped(&discord, json!([{"id": 1, "email": "a@x.example", "verified": verified}])).unwrap();
        assert_eq!(made.email_verified, wanted, "{verified}");
    }
    assert!(
        !mapped(&discord, json!([{"id": 1, "verified": true}])).unwrap().email_verified,
        "no address, nothing to verify"
    );
}

#[test]
fn fault_a6_a_flag_verifies_only_its_own_address() {
    let oidc = |name: &str, more: Value| {
        let mut values = object(
            json!({"KEY": "k", "SECRET": "s", "OIDC_ENDPOINT": "https://id.example", "DOMAIN": "t.auth0.example"}),
        );
        values.extend(object(more));
        provider(&settings(name, Value::Object(values)))
    };
    let of = |provider: &Provider, claims: Value, body: Value| {
        let mut claims = object(claims);
        claims.insert("sub".to_owned(), json!("1"));
        let mut body = object(body);
        body.insert("sub".to_owned(), json!("1"));
        let (token, claims) = (json!({"access_token": "at"}), Some(Value::Object(claims)));
        let made = mapped_with(provider, json!({}), token, claims, json!([body])).expect("an identity");
        (made.email.map(|email| email.to_string()).unwrap_or_default(), made.email_verified)
    };
    let (eve, ceo) = ("eve@evil.example", "ceo@company.example");
    for name in ["oidc", "auth0_openidconnect", "zitadel", "casdoor"] {
        let by_key = oidc(name, json!({"EMAIL_KEY": "contact_email"}));
        let body = json!({"email": eve, "email_verified": true, "contact_email": ceo});
        assert_eq!(of(&by_key, json!({}), body.clone()), (ceo.to_owned(), false), "{name}");
        assert_eq!(of(&by_key, body, json!({})), (ceo.to_owned(), false), "{name}");
    }
    for name in ["oidc", "cas", "vault", "linkedin-openidconnect"] {
        let plain = oidc(name, json!({}));
        let verified = |email: &str| json!({"email": email, "email_verified": true});
        let alone = |email: &str| json!({ "email": email });
        // The address comes from userinfo, the flag from the ID token about another one, and the other way round.
        assert_eq!(of(&plain, verified(eve), alone(ceo)), (ceo.to_owned(), false), "{name}");
        assert!(!of(&plain, alone(ceo), json!({"email_verified": true})).1, "{name}");
        assert_eq!(of(&plain, verified(ceo), alone(ceo)), (ceo.to_owned(), true), "{name}");
        assert_eq!(of(&plain, alone(eve), verified(ceo)), (ceo.to_owned(), true), "{name}");
        let refused = json!({"email": ceo, "email_verified": false});
        assert_eq!(of(&plain, verified(ceo), refused), (ceo.to_owned(), false), "{name}");
    }
    let plain = oidc("oidc", json!({}));
    let verified = json!({"email": ceo, "email_verified": true});
    assert_eq!(of(&plain, verified, json!({"name": "Ada"})), (ceo.to_owned(), true), "all from the ID token");
}

#[test]
fn google_accounts_stored_by_address_are_found() {
    let of_organization = json!([{"sub": "9", "email": "a@x.example", "email_verified": true, "hd": "x.example"}]);
    let made = mapped(&provider(&key("google-oauth2")), of_organization).unwrap();
    assert_eq!((made.uid.as_str(), made.legacy_uids), ("9", vec![AccountUid::parse("a@x.example").unwrap()]));
    let by_mail = provider(&settings("google-oauth2", json!({"KEY": "k", "ID_KEY": "email"})));
    let made =
        mapped(&by_mail, json!([{"sub": "9", "email": "a@x.example", "email_verified": true, "hd": "x.example"}]));
    let made = made.unwrap();
    assert_eq!((made.uid.as_str(), made.legacy_uids), ("a@x.example", vec![]));
}

/// A user may enter the address of another user at the provider.
#[test]
fn only_a_verified_address_finds_an_imported_account() {
    const EMAIL: &str = "ada@company.example";
    let finds = |name: &str, more: Value, profile: Value| {
        let mut values = object(json!({"KEY": "k", "SECRET": "s"}));
        values.extend(object(more));
        let mut profile = object(profile);
        profile.extend(object(json!({"sub": "9", "id": "9", "profile_id": "9", "email": EMAIL})));
        let claims = json!({"sub": "9"});
        let token = json!({"access_token": "at"});
        let provider = provider(&settings(name, Value::Object(values)));
        let made = mapped_with(&provider, json!({}), token, Some(claims), json!([profile])).expect("an identity");
        made.legacy_uids == [AccountUid::parse(EMAIL).expect("an id")]
    };
    let oidc = json!({"OIDC_ENDPOINT": "https://id.example", "LEGACY_ID_KEYS": ["email"]});
    let google = json!({"email_verified": true});
    for (name, more, profile, is_found) in [
        ("scistarter", json!({}), json!({}), false),
        ("scistarter", json!({}), json!({"email_verified": true}), false),
        ("mailru", json!({}), json!({}), false),
        ("google-oauth2", json!({}), google.clone(), false),
        ("google-oauth2", json!({}), json!({"email_verified": true, "hd": "company.example"}), true),
        ("oidc", oidc.clone(), json!({}), false),
        ("oidc", oidc.clone(), json!({"email_verified": false}), false),
        ("oidc", oidc.clone(), json!({"email_verified": true}), true),
    ] {
        assert_eq!(finds(name, more.clone(), profile.clone()), is_found, "{name}: {profile}");
        let mut more = object(more);
        more.insert("LEGACY_UIDS_ACCEPT_UNVERIFIED_EMAIL".to_owned(), json!(true));
        assert!(finds(name, Value::Object(more), profile), "{name} with the setting");
    }
    // The flag is about another address than the former key.
    let by_key = json!({"OIDC_ENDPOINT": "https://id.example", "LEGACY_ID_KEYS": ["mail"]});
    let another = json!({"mail": "victim@company.example", "email_verified": true});
    let mut profile = object(another);
    profile.extend(object(json!({"sub": "9", "email": EMAIL})));
    let mut values = object(by_key);
    values.insert("KEY".to_owned(), json!("k"));
    let provider = provider(&settings("oidc", Value::Object(values)));
    let (token, claims) = (json!({"access_token": "at"}), json!({"sub": "9"}));
    let made = mapped_with(&provider, json!({}), token, Some(claims), json!([profile])).expect("an identity");
    assert!(made.email_verified && made.legacy_uids.is_empty());
}

#[test]
fn r_ext_02_facebook_stores_the_granted_scopes_of_the_callback() {
    let fields = json!({"granted_scopes": "email,public_profile", "code": "c"});
    let token = json!({"access_token": "at", "token_type": "bearer", "expires_in": 5_183_943});
    let made =
        mapped_with(&provider(&key("facebook")), fields, token, None, json!([{"id": "1", "name": "Ana"}])).unwrap();
    assert_eq!(
        Value::Object(made.extra_data),
        json!({"id": "1", "expires_in": 5_183_943, "granted_scopes": ["email", "public_profile"], "denied_scopes": null,
               "access_token": "at", "token_type": null})
    );
    assert_eq!((made.username.as_deref(), made.expires_in), (Some("Ana"), Some(5_183_943)));
}

/// The caller chooses them, and nothing proves them.
#[test]
fn facebook_stores_no_scopes_of_another_type_than_text() {
    for wrong in [json!({"x": ["y"]}), json!(["email"]), json!(5), json!(true), json!(null)] {
        let fields = json!({"granted_scopes": wrong, "denied_scopes": wrong, "code": "c"});
        let token = json!({"access_token": "at"});
        let made = mapped_with(&provider(&key("facebook")), fields, token, None, json!([{"id": "1"}])).unwrap();
        assert_eq!(
            (&made.extra_data["granted_scopes"], &made.extra_data["denied_scopes"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[test]
fn r_ext_04_if_set_drops_empty_fields() {
    let made = mapped(&provider(&key("google-oauth2")), json!([{"sub": "9", "email_verified": true}])).unwrap();
    assert!(!made.extra_data.contains_key("refresh_token"));
    assert_eq!(made.extra_data["expires_in"], Value::Null);
    assert_eq!(made.drop_when_empty, ["refresh_token", "token_type"]);
}

#[test]
fn r_ext_05_extra_data_setting_adds_fields_with_alias() {
    let github =
        settings("github", json!({"KEY": "k", "EXTRA_DATA": ["bio", ["company", "firm"], ["none", "gone", true]]}));
    let made = mapped(&provider(&github), json!([{"id": 1, "bio": "b", "company": "c"}, null])).unwrap();
    assert_eq!((&made.extra_data["bio"], &made.extra_data["firm"]), (&json!("b"), &json!("c")));
    assert!(!made.extra_data.contains_key("gone"));
    let all = settings("github", json!({"KEY": "k", "GET_ALL_EXTRA_DATA": "true"}));
    assert_eq!(
        mapped(&provider(&all), json!([{"id": 1, "plan": {"a": 1}}, null])).unwrap().extra_data["plan"],
        json!({"a": 1})
    );
}

#[test]
fn sec_40_tokens_are_not_stored_under_an_alias_or_in_user_fields() {
    let mut github = settings(
        "github",
        json!({"KEY": "k", "EXTRA_DATA": [["access_token", "at"], ["id_token", "idt"], ["refresh_token", "rt", true],
            ["client_secret", "x"], ["token_type", "kind"], ["oauth_token", "owner"]]}),
    );
    github.descriptor = "profile = { from = 'bodies[0]', with_token = true }".parse().expect("TOML");
    let token = json!({"access_token": "secret-1", "refresh_token": "secret-2", "id_token": "secret-3",
        "token_type": "bearer", "oauth_token": {"secret": "secret-4", "user": "7"}});
    let body = json!({"id": 1, "client_secret": "secret-5", "plan": {"token": "secret-6", "name": "free"}});
    let mut provider = provider(&github);
    let fields = [
        ("a", "profile.access_token"),
        ("b", "profile.refresh_token or 'none'"),
        ("c", "profile['id' ~ '_token']"),
        ("d", "profile | tojson"),
        ("e", "bodies[0].plan.token"),
        ("f", "bodies[0].plan.name"),
    ];
    let field = |(name, from): (&str, &str)| UserField {
        name: name.to_owned(),
        kind: UserFieldType::String,
        from: [("*".to_owned(), from.to_owned())].into(),
        at_login: true,
        editable: false,
    };
    let own_fields = UserFields::new(fields.into_iter().map(field).collect());
    provider.user_fields = user_fields::of_provider("github", &UserRules { own_fields, ..UserRules::default() });
    let made = mapped_with(&provider, json!({}), token, None, json!([body, null])).unwrap();
    let mut extra = made.extra_data;
    assert_eq!(extra.remove("access_token"), Some(json!("secret-1")), "under its own name, which the pipeline drops");
    assert_eq!((&extra["kind"], &extra["owner"]), (&json!("bearer"), &json!({"user": "7"})));
    assert_eq!((made.fields.get("b"), made.fields.get("f")), (Some(&json!("none")), Some(&json!("free"))));
    let all = format!("{extra:?} {:?}", made.fields);
    assert!(!all.contains("secret-"), "{all}");
}

#[test]
fn userinfo_must_have_the_sub_of_the_id_token() {
    let oidc = provider(&settings("oidc", json!({"KEY": "k", "OIDC_ENDPOINT": "https://idp.example"})));
    let claims = json!({"sub": "7", "preferred_username": "ana", "email": "a@x.example", "email_verified": true});
    let token = json!({"access_token": "at", "id_token": "x.y.z"});
    let of = |bodies| mapped_with(&oidc, json!({}), token.clone(), Some(claims.clone()), bodies);
    let made = of(json!([{"sub": "7", "name": "Ana L"}])).unwrap();
    assert_eq!(
        (made.uid.as_str(), made.username.as_deref(), made.fullname.as_deref()),
        ("7", Some("ana"), Some("Ana L"))
    );
    assert!(made.email_verified);
    assert!(of(json!([{"sub": "8"}])).is_err());
    assert_eq!(of(json!([null])).unwrap().uid, "7", "a provider without userinfo");
}

#[test]
fn only_allowed_groups_may_sign_in() {
    let oidc = |groups: Value| {
        let values = json!({"KEY": "k", "OIDC_ENDPOINT": "https://idp.example", "ALLOW_GROUPS": "staff,admins"});
        mapped_with(
            &provider(&settings("oidc", values)),
            json!({}),
            json!({}),
            Some(json!({"sub": "7", "groups": groups})),
            json!([{"sub": "7"}]),
        )
    };
    assert!(oidc(json!(["users", "admins"])).is_ok());
    assert!(matches!(oidc(json!(["users"])), Err(ProviderError::NotAllowed { .. })));
    assert!(matches!(oidc(json!(null)), Err(ProviderError::NotAllowed { .. })));
}

/// An empty answer supplies neither names nor a picture, whatever the expressions of the descriptor are.
#[test]
fn fault_c01_absent_members_do_not_become_empty_names() {
    let mut seen = 0;
    for entry in super::super::catalog::catalog_entries() {
        let descriptor = super::super::catalog::read(Some(entry.id), &toml::Table::new()).unwrap();
        let rules = &descriptor.user;
        let nothing = json!({});
        for body in [json!(null), json!({}), json!({"user": {}, "data": {}, "response": {}, "profile": {}})] {
            let bodies = Value::Array(vec![body.clone(); descriptor.userinfo.len().max(1)]);
            let values = crate::settings::SettingValues::default();
            let scope = super::super::expression::Scope::of(&values)
                .with("bodies", Some(&bodies))
                .with("profile", Some(&body))
                .with("id_token", Some(&nothing))
                .with("token", Some(&nothing));
            let named = [&rules.fullname, &rules.first_name, &rules.last_name];
            for rule in named.into_iter().flatten().chain(rules.more.get("picture")) {
                // An expression that meets a member of another type refuses the login, which erases nothing either.
                let Ok(said) = super::super::profile::mentioned(Some(rule), &scope, Protocol::OAuth2) else { continue };
                assert!(said.is_none_or(|text| !text.is_empty()), "{}: {}", entry.id, rule.source());
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn fault_c15_the_stored_id_is_the_uid() {
    let oidc = |more: Value| {
        let mut values = json!({"KEY": "k", "OIDC_ENDPOINT": "https://idp.example"});
        values.as_object_mut().unwrap().extend(object(more));
        provider(&settings("oidc", values))
    };
    let claims = json!({"sub": "7", "email": "a@x.example", "email_verified": true});
    for bodies in [json!([]), json!([null]), json!([{"sub": "7"}])] {
        let made = mapped_with(&oidc(json!({})), json!({}), json!({}), Some(claims.clone()), bodies.clone()).unwrap();
        assert_eq!((made.uid.as_str(), &made.extra_data["id"]), ("7", &json!("7")), "{bodies}");
    }
    let by_mail = oidc(json!({"ID_KEY": "email"}));
    let made = mapped_with(&by_mail, json!({}), json!({}), Some(claims), json!([null])).unwrap();
    assert_eq!((made.uid.as_str(), &made.extra_data["id"]), ("a@x.example", &json!("7")));
    let github = mapped(&provider(&key("github")), json!([{"id": 5, "login": "x"}, null])).unwrap();
    assert_eq!(github.extra_data["id"], json!(5), "a number stays a number (R-EXT-02)");
}

#[test]
fn fault_a26_composed_uids_need_valid_parts() {
    let hubspot = provider(&key("hubspot"));
    let of = |hub: Value, user: Value| {
        mapped(&hubspot, json!([{"hub_id": hub, "user_id": user, "user": "a@x.example"}])).map(|made| made.uid)
    };
    assert_eq!(of(json!(62_515), json!("5")).unwrap(), "62515:5");
    let vk = provider(&key("vk-id"));
    let of_vk = |token: Value, user: Value| {
        let token = json!({"access_token": "at", "user_id": token});
        mapped_with(&vk, json!({"device_id": "d"}), token, None, json!([{"user": {"user_id": user}}]))
    };
    for number in [json!(5), json!("5")] {
        let made = of_vk(number.clone(), number).unwrap();
        assert_eq!((made.uid.as_str(), &made.extra_data["user_id"]), ("5", &json!("5")), "as in the row of DRSA");
    }
    assert!(of_vk(json!("6"), json!("5")).is_err());
    for wrong in [
        json!(null),
        json!([1]),
        json!({"a": 1}),
        json!(true),
        json!(1.5),
        json!("None"),
        json!(" "),
        json!("\u{200b}"),
    ] {
        assert!(of(wrong.clone(), json!(5)).is_err(), "{wrong}");
        assert!(of(json!(5), wrong.clone()).is_err(), "{wrong}");
        assert!(of_vk(wrong.clone(), wrong.clone()).is_err(), "{wrong}");
    }
}

/// OpenID Connect Core 5.3.2.
#[test]
fn fault_a22_userinfo_without_sub_is_refused() {
    let with = |provider: &Provider, body: Value| {
        let claims = json!({"sub": "35", "email": "own@mail.example", "email_verified": true});
        mapped_with(provider, json!({}), json!({}), Some(claims), json!([body]))
    };
    let endpoint = json!({"KEY": "k", "OIDC_ENDPOINT": "https://idp.example"});
    let oidc = provider(&settings("oidc", endpoint.clone()));
    for refused in [
        json!({}),
        json!({"email": "a@mail.example", "email_verified": true}),
        json!({"preferred_username": "nell", "groups": ["admins"]}),
        json!({"name": "Nell", "organization": "firm"}),
        json!({"sub": "", "email": "a@mail.example"}),
        json!({"sub": null, "email": "a@mail.example"}),
        json!({"sub": "36"}),
        json!({"sub": 36}),
        json!({"sub": 35.5}),
        json!({"sub": true}),
        json!({"sub": ["35"]}),
    ] {
        assert!(with(&oidc, refused.clone()).is_err(), "{refused}");
    }
    // Row 11: the same subject as a number.
    for same in [json!({"sub": "35"}), json!({"sub": 35, "preferred_username": "nell"})] {
        assert_eq!(with(&oidc, same.clone()).unwrap().uid, "35", "{same}");
    }
    // Names to show decide nothing; they verify no address either.
    let shown = with(&oidc, json!({"preferred_username": "nell"})).unwrap();
    assert_eq!((shown.uid.as_str(), shown.username.as_deref(), shown.email_verified), ("35", Some("nell"), false));
    // Two subjects that no account can have are not the same subject.
    for unusable in [json!(true), json!(["35"]), json!(35.5), json!("None")] {
        let claims = json!({"sub": unusable});
        let made = mapped_with(&oidc, json!({}), json!({}), Some(claims), json!([{"sub": unusable, "id": "35"}]));
        assert!(made.is_err(), "{unusable}");
        let by_id =
            provider(&settings("oidc", json!({"KEY": "k", "OIDC_ENDPOINT": "https://i.example", "ID_KEY": "id"})));
        let claims = json!({"sub": unusable});
        let made = mapped_with(&by_id, json!({}), json!({}), Some(claims), json!([{"sub": unusable, "id": "35"}]));
        assert!(made.is_err(), "{unusable}");
    }
    // A name by which rows may be found is no such name.
    let mut keyed = endpoint.clone();
    keyed["LEGACY_ID_KEYS"] = json!(["preferred_username"]);
    assert!(with(&provider(&settings("oidc", keyed)), json!({"preferred_username": "nell"})).is_err());
    let mut lenient = endpoint;
    lenient["USERINFO_WITHOUT_SUB"] = json!(true);
    let made = with(&provider(&settings("oidc", lenient.clone())), json!({"email": "a@mail.example"})).unwrap();
    assert_eq!((made.email.is_some(), made.email_verified), (true, false));
    assert!(with(&provider(&settings("oidc", lenient)), json!({"sub": "36"})).is_err());
}

#[test]
fn fault_a15_the_uid_scope_contains_the_tenant() {
    let scope = |provider: &Provider, claims: Value| {
        let mut claims = object(claims);
        claims.insert("sub".to_owned(), json!("s"));
        mapped_with(provider, json!({}), json!({"access_token": "at"}), Some(Value::Object(claims)), json!([]))
            .expect("an identity")
            .uid_scope
    };
    let former = json!(["https://sts.windows.net/tenant1/", "https://old.example/{tenantid}/"]);
    let values = json!({"KEY": "k", "SECRET": "s", "FORMER_ISSUERS": former});
    let microsoft = provider(&settings("azuread-oauth2", values));
    let found = scope(&microsoft, json!({"tid": "tenant2", "iss": "https://sts.windows.net/tenant2/"}));
    assert_eq!((found.rule, found.current.as_str()), (ScopeRule::Tenant, "sub tenant2"));
    // Another tenant's address counts as no former one of this tenant.
    assert!(found.former.iter().all(|former| former.contains("tenant2")), "{found:?}");
    for listed in ["https://old.example/tenant2", "https://login.microsoftonline.com/tenant2/v2.0"] {
        assert!(found.former.contains(&format!("sub {listed}")), "{found:?}");
    }
    assert_eq!(microsoft.known_uid_scopes(), None);
    let values = json!({"KEY": "k", "SECRET": "s", "TENANT_NAME": "firm", "POLICY": "b2c_1_in"});
    let b2c = provider(&settings("azuread-b2c-oauth2", values));
    let found = scope(&b2c, json!({"tfp": "b2c_1_in", "iss": "https://login.firm.example/t/v2.0/"}));
    assert_eq!((found.rule, found.current.as_str()), (ScopeRule::OneIssuer, "sub firm"));
    assert_eq!(found.former, ["sub https://login.firm.example/t/v2.0"]);
    // An issuer for many tenants in the settings: the tenant is that of the login, and a login without one is refused.
    let values =
        json!({"KEY": "k", "OIDC_ENDPOINT": "https://i.example", "ID_TOKEN_ISSUER": "https://i.example/{tenantid}"});
    assert_eq!(provider(&settings("oidc", values)).known_uid_scopes(), None);
}

#[test]
fn fault_a11_a_refresh_compares_the_whole_uid() {
    let (nothing, fields) = (Map::new(), Map::new());
    let of = |provider: &Provider, claims: Value| {
        let callback = callback(&fields, &nothing);
        let mut context = context(provider, &callback, json!({"access_token": "at"}));
        context.claims = Some(claims);
        provider.uid_of_claims(&context).map(String::from)
    };
    let oidc = provider(&settings("oidc", json!({"KEY": "k", "OIDC_ENDPOINT": "https://i.example"})));
    assert_eq!(of(&oidc, json!({"sub": "5"})).as_deref(), Some("5"));
    assert_eq!(of(&oidc, json!({"iss": "https://i.example"})), None);
    let composed = of(&provider(&key("cilogon-oauth2")), json!({"sub": "5", "iss": "https://i.example"}));
    assert_eq!(composed.as_deref(), Some("5 https://i.example"));
}

#[test]
fn fault_a22_iss_of_another_type_is_not_absent() {
    let nothing = Map::new();
    let github = provider(&key("github"));
    for issuer in [json!(5), json!(true), json!(["https://evil.example"]), json!({"iss": "https://evil.example"})] {
        let fields = object(json!({"code": "c", "iss": issuer}));
        let callback = callback(&fields, &nothing);
        let judged = github.check_issuer(&context(&github, &callback, Value::Null));
        assert!(matches!(judged, Err(ProviderError::Mixup)), "{issuer}");
    }
    for absent in [json!(null), json!(""), json!(false)] {
        let fields = object(json!({"code": "c", "iss": absent}));
        let callback = callback(&fields, &nothing);
        assert!(github.check_issuer(&context(&github, &callback, Value::Null)).is_ok(), "{absent}");
    }
    for error in [json!(["access_denied"]), json!({"x": 1})] {
        assert!(github.callback_error(&object(json!({"code": "c", "error": error}))).is_some(), "{error}");
    }
}

#[test]
fn fault_d6_signed_callbacks_may_be_a_minute_ahead() {
    let shopify = provider(&key("shopify"));
    let rule = shopify.descriptor.checks.iter().find(|rule| rule.reason.contains("too old")).expect("a rule");
    let now = crate::clock::Deps::system().now().seconds();
    for (offset, is_fit) in [(0, true), (-86_000, true), (-87_000, false), (50, true), (90, false), (86_000, false)] {
        let fields = object(json!({"timestamp": (now + offset).to_string()}));
        let scope = shopify.base_scope().with("callback", Some(&fields));
        let verdict = rule.check(&scope, |reason| ProviderError::InvalidCode { message: Some(reason) });
        assert_eq!(verdict.is_ok(), is_fit, "{offset}");
    }
}

#[test]
fn fault_c3_the_user_parameter_of_apple_supplies_only_names() {
    let rules = json!({"CLIENT": "c", "TEAM": "t", "KEY": "k", "SECRET": "s"});
    let apple = provider(&settings("apple-id", rules));
    let claims = json!({"sub": "001.a", "email": "a@example.com", "email_verified": true});
    let names = |user: Value| {
        let token = json!({"access_token": "at"});
        let made = mapped_with(&apple, json!({"user": user}), token, Some(claims.clone()), json!([]));
        let made = made.unwrap_or_else(|error| panic!("{user}: {error}"));
        [made.first_name, made.last_name].map(Option::unwrap_or_default)
    };
    let named = json!({"name": {"firstName": "Ada", "lastName": "Lovelace"}});
    assert_eq!(names(named.clone()), ["Ada", "Lovelace"]);
    assert_eq!(names(named.to_string().into()), ["Ada", "Lovelace"]);
    assert_eq!(names(json!({"name": {"firstName": 5, "lastName": "L"}})), ["", "L"], "one wrong name spoils no other");
    for user in [
        json!(""),
        json!("undefined"),
        json!("null"),
        json!("[object Object]"),
        json!("{"),
        json!("5"),
        json!("[]"),
        json!(null),
        json!(5),
        json!(true),
        json!([]),
        json!({}),
        json!({"name": null}),
        json!({"name": "Ada"}),
        json!({"name": ["Ada"]}),
        json!({"name": {"firstName": ["Ada"], "lastName": {"a": 1}}}),
        json!({"name": {"firstName": null, "lastName": true}}),
    ] {
        assert_eq!(names(user.clone()), ["", ""], "{user}");
    }
}

#[test]
fn a_code_verifier_is_in_the_body_of_the_token_request() {
    let (fields, nothing) = (Map::new(), Map::new());
    let verifier = Some("a-verifier");
    let callback = Callback { code_verifier: verifier, ..callback(&fields, &nothing) };
    for name in ["github", "notion", "qiita"] {
        let provider = provider(&key(name));
        let call = provider.token_request(&context(&provider, &callback, json!({}))).expect("a request");
        let sent = match &call.body {
            Body::Form(form) => form.iter().find(|(name, _)| name == "code_verifier").map(|(_, value)| value.as_str()),
            Body::Json(members) => members["code_verifier"].as_str(),
            _ => None,
        };
        assert_eq!(sent, verifier, "{name}");
        assert!(call.query.is_empty(), "{name}: the address ends in logs");
    }
}
