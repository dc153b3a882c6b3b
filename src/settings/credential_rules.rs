//! The settings of sessions, JWTs (SIMPLE_JWT_*) and knox tokens (REST_KNOX_*).

use serde_json::Value;
use url::Url;

use super::secret_keys;
use super::setting_reader::SettingReader;
use super::types::{GENERATION_CLAIM, JwtRules, KnoxRules, SessionRules};
use super::value_type;
use crate::model::User;
use crate::secrets::SecretString;

pub(super) fn sessions(reader: &mut SettingReader) -> SessionRules {
    SessionRules { age: reader.seconds("SESSION_COOKIE_AGE"), idle: reader.optional_seconds("SESSION_IDLE_TIMEOUT") }
}

pub(super) fn jwt(reader: &mut SettingReader, secret_key: &SecretString, public_url: Option<&Url>) -> JwtRules {
    let mut rules = read_jwt(reader, secret_key);
    reader.value("SIMPLE_JWT_USER_ID_FIELD", user_id_field);
    check_claims(reader, &rules);
    secret_keys::jwt_keys(reader, &mut rules);
    if !rules.algorithm.is_symmetric() {
        rules.default_party = public_url.map(|url| url.origin().ascii_serialization());
        if let (Some(issuer), Some(own)) = (&rules.issuer, &rules.default_party)
            && issuer != own
        {
            let warning = format!(
                "SIMPLE_JWT_ISSUER is not {own}, which is the issuer in the server's metadata (RFC 8414): a service that reads \
                 the metadata refuses the tokens. Remove the setting, or configure the issuer at each service"
            );
            reader.warnings.push(warning);
        }
    }
    if rules.makes_keys && rules.key_rotation.is_some_and(|rotation| rotation < rules.key_publication) {
        reader.error("SIMPLE_JWT_KEY_ROTATION", "must be 0 or at least SIMPLE_JWT_KEY_PUBLICATION");
    }
    rules
}

fn read_jwt(reader: &mut SettingReader, secret_key: &SecretString) -> JwtRules {
    let rotate_refresh_tokens = reader.boolean("SIMPLE_JWT_ROTATE_REFRESH_TOKENS");
    let blacklist_after_rotation =
        reader.optional_boolean("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION").unwrap_or(rotate_refresh_tokens);
    if rotate_refresh_tokens && !blacklist_after_rotation {
        // simplejwt's default (SEC-30).
        let problem = "is false: a replaced refresh token stays valid until it expires, and its reuse is not noticed. Remove \
                       the setting, unless clients keep using old refresh tokens";
        reader.warn("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", problem);
    }
    JwtRules {
        algorithm: reader.word("SIMPLE_JWT_ALGORITHM"),
        signing_key: secret_key.clone(),
        verifying_key: None,
        makes_keys: false,
        key_rotation: reader.seconds_above_zero("SIMPLE_JWT_KEY_ROTATION"),
        key_publication: reader.seconds("SIMPLE_JWT_KEY_PUBLICATION"),
        access_lifetime: reader.seconds("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME"),
        refresh_lifetime: reader.seconds("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME"),
        sliding_lifetime: reader.seconds("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME"),
        sliding_refresh_lifetime: reader.seconds("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_LIFETIME"),
        rotate_refresh_tokens,
        blacklist_after_rotation,
        family_lifetime: reader.seconds_above_zero("SIMPLE_JWT_FAMILY_LIFETIME").filter(|_| rotate_refresh_tokens),
        audience: reader.list_of("SIMPLE_JWT_AUDIENCE", |audience| match audience.trim() {
            "" => Err("must not contain an empty text".to_owned()),
            audience => Ok(audience.to_owned()),
        }),
        issuer: reader.optional_text("SIMPLE_JWT_ISSUER"),
        default_party: None,
        leeway: reader.seconds("SIMPLE_JWT_LEEWAY"),
        user_id_claim: reader.text("SIMPLE_JWT_USER_ID_CLAIM"),
        token_type_claim: reader.text("SIMPLE_JWT_TOKEN_TYPE_CLAIM"),
        jti_claim: reader.text("SIMPLE_JWT_JTI_CLAIM"),
        revoke_token_claim: reader.text("SIMPLE_JWT_REVOKE_TOKEN_CLAIM"),
        sliding_refresh_exp_claim: reader.text("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM"),
        auth_header_types: reader.value("SIMPLE_JWT_AUTH_HEADER_TYPES", |list| {
            let schemes = value_type::texts(list)?;
            let is_good = !schemes.is_empty() && schemes.iter().all(|scheme| is_token(scheme));
            if is_good { Ok(schemes) } else { Err("must be schemes such as Bearer".to_owned()) }
        }),
    }
}

impl Default for JwtRules {
    /// Without settings and without a key.
    fn default() -> Self {
        read_jwt(&mut SettingReader::default(), &SecretString::default())
    }
}

/// JWTs contain the id of their user.
fn user_id_field(value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some("id" | "pk") => Ok(()),
        _ => Err("must be id or pk, because JWTs contain the id of the user. If the field is the primary key, or the column of \
                  `import django --id-column`, remove the setting. Otherwise set a new SIMPLE_JWT_SIGNING_KEY too: a JWT of one \
                  user could contain the id of another"
            .to_owned()),
    }
}

/// A claim that identifies a token or its user must not contain what a user or a provider chose.
fn check_claims(reader: &mut SettingReader, rules: &JwtRules) {
    let mut used = vec!["exp", "iat", "nbf", "aud", "iss", GENERATION_CLAIM];
    for (name, claim) in [
        ("SIMPLE_JWT_TOKEN_TYPE_CLAIM", &rules.token_type_claim),
        ("SIMPLE_JWT_JTI_CLAIM", &rules.jti_claim),
        ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM", &rules.sliding_refresh_exp_claim),
        ("SIMPLE_JWT_USER_ID_CLAIM", &rules.user_id_claim),
    ] {
        // Tokens with an asymmetric algorithm have the user's id in `sub` (RFC 9068).
        let is_taken = !rules.algorithm.is_symmetric()
            && (claim == "client_id" || (claim == "sub" && name != "SIMPLE_JWT_USER_ID_CLAIM"));
        if User::STANDARD_FIELDS.contains(&claim.as_str()) {
            reader.error(name, format!("{claim} is a claim of `-user` tokens whose value the user can choose"));
        } else if used.contains(&claim.as_str()) || is_taken {
            reader.error(name, "is the name of another claim");
        }
        used.push(claim);
    }
}

pub(super) fn knox(reader: &mut SettingReader) -> KnoxRules {
    reader.value("REST_KNOX_SECURE_HASH_ALGORITHM", |value| {
        let name = value.as_str().unwrap_or_default().to_ascii_uppercase().replace('-', "");
        if name.ends_with("SHA512") { Ok(()) } else { Err("must be SHA-512".to_owned()) }
    });
    KnoxRules {
        ttl: reader.optional_seconds("REST_KNOX_TOKEN_TTL"),
        character_length: reader.integer("REST_KNOX_AUTH_TOKEN_CHARACTER_LENGTH"),
        limit_per_user: reader.optional_integer("REST_KNOX_TOKEN_LIMIT_PER_USER"),
        prefix: reader.optional("REST_KNOX_TOKEN_PREFIX", token_prefix).unwrap_or_default(),
        auto_refresh: reader.boolean("REST_KNOX_AUTO_REFRESH"),
        auto_refresh_max_ttl: reader.optional_seconds("REST_KNOX_AUTO_REFRESH_MAX_TTL"),
        min_refresh_interval: reader.seconds("REST_KNOX_MIN_REFRESH_INTERVAL"),
        auth_header_prefix: reader.value("REST_KNOX_AUTH_HEADER_PREFIX", |value| {
            let scheme = value.as_str().filter(|scheme| is_token(scheme));
            scheme.map(str::to_owned).ok_or_else(|| "must be a scheme such as Token".to_owned())
        }),
    }
}

fn token_prefix(value: &Value) -> Result<String, String> {
    let is_good = |text: &&str| {
        text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let prefix = value.as_str().filter(is_good).map(str::to_owned);
    prefix.ok_or_else(|| "must be at most 10 letters, digits and - . _ ~".to_owned())
}

/// The grammar of an authentication scheme (RFC 9110, section 11.1).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
