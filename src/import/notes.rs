//! What the operator should know after an import, beside the numbers of rows.

/// A note of the report, in the order of the report. Its rows are counted while the import runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    JwtsOfOthers,
    InactiveInDjango,
    FieldsFilled,
    InvalidEmail,
    UnreadableText,
    InvalidField(String),
    TokensDropped,
    TokensEncrypted,
    ExtraDataUnreadable,
    Renumbered,
    LegacyUid,
    UndecidedUid,
    ProviderNotConfigured(String),
    JwtOfAnotherKey,
    PasswordChanged,
}

impl Note {
    /// Code and explanation.
    pub fn describe(&self) -> (&'static str, String) {
        let (code, text) = match self {
            // A JWT contains the id of its user.
            Self::JwtsOfOthers => (
                "jwts_of_others",
                "users were skipped because another user of this server has their id. JWTs of Django authenticate that other \
                 user, unless SIMPLE_JWT_SIGNING_KEY differs from Django's: import into an empty database, or set another key",
            ),
            Self::InactiveInDjango => (
                "inactive_at_the_source",
                "users of an earlier import are active here and inactive in Django: use `users deactivate`",
            ),
            Self::FieldsFilled => ("fields_filled", "users of an earlier import got values for empty declared fields"),
            Self::InvalidEmail => {
                ("invalid_email", "users have a malformed e-mail address: they were imported without an address")
            }
            Self::UnreadableText => (
                "unreadable_text",
                "users have U+FFFD in their names or address, also in place of bytes that are not UTF-8",
            ),
            Self::InvalidField(field) => {
                let text = format!(
                    "users have a {field} of another type than REST_SOCIAL_USER_FIELDS declares: it was not imported"
                );
                return ("field_does_not_fit", text);
            }
            Self::TokensDropped => (
                "provider_tokens_dropped",
                "social accounts had provider tokens in extra_data, which were dropped: STORE_PROVIDER_TOKENS is off",
            ),
            Self::TokensEncrypted => (
                "provider_tokens_sealed",
                "social accounts had provider tokens in extra_data, which were encrypted and stored separately",
            ),
            Self::ExtraDataUnreadable => {
                ("extra_data_unreadable", "social accounts had extra_data that is not a JSON object: theirs is empty")
            }
            Self::Renumbered => {
                ("renumbered", "social accounts got a new id, because another account of this server has theirs")
            }
            Self::LegacyUid => (
                "legacy_uids",
                "social accounts have a uid that another user can get later, such as a username or an e-mail address: a login \
                 finds them only until LEGACY_UIDS_UNTIL",
            ),
            Self::UndecidedUid => (
                "legacy_uids_undecided",
                "of these social accounts have a uid that may also be the provider's own id; their data does not show which. A \
                 login finds them only until LEGACY_UIDS_UNTIL. If Django always stored the provider's own id, set an empty \
                 LEGACY_ID_KEYS for the provider and import into an empty database",
            ),
            Self::ProviderNotConfigured(provider) => {
                let text = format!(
                    "social accounts are of {provider}, which is not configured: their users cannot sign in with it"
                );
                return ("provider_not_configured", text);
            }
            Self::JwtOfAnotherKey => (
                "jwts_of_another_key",
                "refresh or sliding tokens cannot be verified with SIMPLE_JWT_SIGNING_KEY, ALGORITHM, ISSUER and AUDIENCE of \
                 this server: JWTs of Django will be refused",
            ),
            Self::PasswordChanged => (
                "jwts_of_an_earlier_password",
                "refresh or sliding tokens are of an earlier password (CHECK_REVOKE_TOKEN) and were imported as blacklisted. \
                 Access tokens, and tokens without a row, stay valid until they expire",
            ),
        };
        (code, text.to_owned())
    }
}
