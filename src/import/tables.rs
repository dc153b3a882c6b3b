//! The tables of Django that are imported, and the conversion of their pages.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::context::{Context, ProviderRules};
use super::notes::Note;
use super::pages::{Page, SourceTable};
use super::report::Reason;
use super::row_conversion;
use crate::credential::jwt::{JwtFault, TokenType};
use crate::model::{CredentialKind, KnoxRow, ProviderTokens, SessionRow, TokenRow, User, token_binding};
use crate::provider::StoredKey;
use crate::store::django::{self, Link, plain_key};
use crate::store::import::{ImportTable, ImportedRefreshToken};
use crate::store::{StoreError, StoredAccount};

impl SourceTable for django::User {
    type Row = User;
    const TARGET: ImportTable = ImportTable::Users;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<User>, StoreError> {
        let mut page = Page::new(rows.len());
        // In a custom user table they need not be unique.
        let mut usernames: HashSet<String> = HashSet::with_capacity(rows.len());
        for row in rows {
            let id = row.id.0;
            if id > context.max_id {
                page.skip(Reason::IdTooHigh, id);
                continue;
            }
            let declared = row_conversion::declared_values(&row.own, &context.settings.users.own_fields);
            if row_conversion::has_invalid_email(&row) {
                page.note(Note::InvalidEmail, id);
            }
            if row_conversion::has_unreadable_text(&row) {
                page.note(Note::UnreadableText, id);
            }
            let user = row_conversion::user(&row, declared.values, context.now);
            let is_new = |user: User| {
                if usernames.insert(user.username.clone()) { Ok(user) } else { Err(Reason::UsernameShared) }
            };
            page.push(user.and_then(is_new), id);
            for field in declared.invalid_fields {
                page.note(Note::InvalidField(field), id);
            }
        }
        Ok(page)
    }
}

impl SourceTable for Link {
    type Row = StoredAccount;
    const TARGET: ImportTable = ImportTable::SocialAccounts;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<StoredAccount>, StoreError> {
        let mut page = Page::new(rows.len());
        let mut providers: BTreeMap<String, Arc<ProviderRules>> = BTreeMap::new();
        for row in rows {
            let id = row.id.0;
            let checked = if id > context.max_id {
                Err(Reason::IdTooHigh)
            } else {
                row_conversion::check_link(&row, context.users())
            };
            if let Err(reason) = checked {
                page.skip(reason, id);
                continue;
            }
            let extra = row_conversion::split_extra_data(&row.extra_data);
            // The lock of the shared rules is taken once for each provider of a page.
            let rules =
                providers.entry(row.provider.to_string()).or_insert_with(|| context.provider(&row.provider)).clone();
            let keys = rules.uid_keys.as_ref();
            let uid_scope = keys.map(|keys| keys.stored_scope(&extra.public, &extra.claims)).unwrap_or_default();
            let encrypted_tokens = encrypt_tokens(context, &row, &uid_scope, extra.tokens.as_ref());
            match (extra.is_unreadable, encrypted_tokens.is_some(), extra.had_secrets) {
                (true, ..) => page.note(Note::ExtraDataUnreadable, id),
                (_, true, _) => page.note(Note::TokensEncrypted, id),
                (_, false, true) => page.note(Note::TokensDropped, id),
                (_, false, false) => {}
            }
            if !rules.is_configured {
                page.note(Note::ProviderNotConfigured(row.provider.to_string()), id);
            }
            let key = keys.map_or(StoredKey::Current, |keys| {
                keys.stored_key(&row.uid, (!extra.is_lost).then_some(&extra.public))
            });
            if key == StoredKey::Unreadable {
                page.skip(Reason::UnreadableData, id);
                continue;
            }
            let is_legacy = key != StoredKey::Current;
            if is_legacy {
                page.note(Note::LegacyUid, id);
            }
            if key == StoredKey::Undecided {
                page.note(Note::UndecidedUid, id);
            }
            let account = row_conversion::account(row, extra.public, uid_scope, is_legacy, context.now);
            page.rows.push(StoredAccount { account, encrypted_tokens });
        }
        Ok(page)
    }
}

/// The provider tokens, bound to the account in the same way as those of a login. `None`: they are not stored.
fn encrypt_tokens(context: &Context, link: &Link, uid_scope: &str, tokens: Option<&ProviderTokens>) -> Option<Vec<u8>> {
    let (vault, tokens) = context.settings.token_cipher.as_ref().zip(tokens)?;
    Some(vault.encrypt(&token_binding(&link.provider, &link.uid, uid_scope), &tokens.to_bytes(), &context.deps))
}

impl SourceTable for django::Token {
    type Row = TokenRow;
    const TARGET: ImportTable = ImportTable::Tokens;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<TokenRow>, StoreError> {
        let mut page = Page::new(rows.len());
        for row in rows {
            page.push(row_conversion::token(&row, context.users(), context.now), row.user_id.0);
        }
        Ok(page)
    }
}

impl SourceTable for django::Knox {
    type Row = KnoxRow;
    const TARGET: ImportTable = ImportTable::KnoxTokens;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<KnoxRow>, StoreError> {
        let mut page = Page::new(rows.len());
        for row in rows {
            let user = row.user_id.0;
            let checked = row_conversion::check_knox(&row, context.users(), context.now);
            page.push(checked.map(|()| row_conversion::knox(row, context.now)), user);
        }
        Ok(page)
    }
}

/// A token needs no row to be valid; the rows list the user's credentials and the blacklist.
impl SourceTable for django::Outstanding {
    type Row = ImportedRefreshToken;
    const TARGET: ImportTable = ImportTable::RefreshTokens;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<Self::Row>, StoreError> {
        let mut page = Page::new(rows.len());
        for row in rows {
            let user = row.user_id.map(|user| user.0);
            let rules = &context.settings.jwt;
            let claims = row_conversion::claims_of(&row);
            let converted = row_conversion::refresh(&row, &claims, context.users(), rules, context.now);
            let converted = match row_conversion::user_in(&claims, rules) {
                // Django found the user by another column than the one that is the id here.
                Some(named) if user.is_none_or(|user| named != user.to_string()) => converted.and(Err(Reason::OldId)),
                None if context.source.renumbers() => converted.and(Err(Reason::OldId)),
                _ => converted,
            };
            let imported = converted.map(|ImportedRefreshToken { mut token, mut blacklisted }| {
                if let Some(jwts) = &context.jwts {
                    let is_sliding = token.kind == CredentialKind::JwtSliding;
                    let token_type = if is_sliding { TokenType::Sliding } else { TokenType::Refresh };
                    token.expires = jwts.blacklist_until(token_type, token.expires);
                    let verified = jwts.verify(&row.token, &TokenType::ALL, context.now);
                    if verified.is_err_and(|fault| fault == JwtFault::Invalid) {
                        page.note(Note::JwtOfAnotherKey, token.user_id.0);
                    }
                }
                if row_conversion::has_other_password(&claims, &row, rules) {
                    page.note(Note::PasswordChanged, token.user_id.0);
                    blacklisted = blacklisted.or(Some(context.now));
                }
                ImportedRefreshToken { token, blacklisted }
            });
            page.push(imported, user);
        }
        Ok(page)
    }
}

impl SourceTable for django::Session {
    type Row = SessionRow;
    const TARGET: ImportTable = ImportTable::Sessions;

    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<SessionRow>, StoreError> {
        let mut page = Page::new(rows.len());
        let keys = &context.session_keys;
        let mut decoded = Vec::with_capacity(rows.len());
        for row in rows {
            match row_conversion::decode_session(&row, keys, context.now) {
                Ok(session) => decoded.push((row, session)),
                Err(reason) => page.skip(reason, None),
            }
        }
        let users: Vec<&str> = decoded.iter().map(|(_, session)| session.user.as_str()).collect();
        let users = context.runtime.block_on(context.source.users_by_key(&users))?;
        for (row, session) in &decoded {
            let user = users.get(&plain_key(&session.user)).filter(|user| context.users().contains(user.id));
            let Some(user) = user else {
                page.skip(Reason::UserLeftOut, session.user.parse().ok());
                continue;
            };
            if session.has_password(&user.password, keys) {
                page.rows.push(row_conversion::session(row, session, user.id, context.now));
            } else {
                page.skip(Reason::PasswordChanged, user.id.0);
            }
        }
        Ok(page)
    }
}
