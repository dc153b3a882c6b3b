//! All that is signed in, of whatever kind: listed, and ended one by one or all but this.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};

use super::answer::{Done, Page};
use super::app::{self, App, OriginPolicy};
use super::auth::{ByAny, RequiredAuth};
use super::begin::LoginKind;
use super::login::Tag;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use super::schemas::Timestamp;
use crate::account::Listed;
use crate::model::Kind;

/// Entries of a page where a caller does not say how many.
const PAGE_SIZE: u8 = 100;

pub struct Credentials {
    pub app: Arc<App>,
}

pub struct ListProblems;

impl Problems for ListProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::PAGE, refusals::CREDENTIAL, refusals::STORE];
}

pub struct EndProblems;

impl Problems for EndProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::CREDENTIAL, refusals::CSRF, refusals::NAMED, refusals::STORE];
}

#[OpenApi(prefix_path = "/api/user/credentials", tag = Tag::User)]
impl Credentials {
    /// List what is signed in
    ///
    /// Sessions, permanent tokens, knox tokens and chains of refresh tokens of this user, the latest used first, in pages.
    /// What is used between two pages may be missing in the second.
    #[oai(path = "/", method = "get", operation_id = "listCredentials")]
    async fn list(
        &self,
        /// Entries of a page: 100 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u8>>,
        /// As the `Link` header of the page before has it; absent: the first page.
        cursor: Query<Option<String>>,
        member: RequiredAuth<'_, ByAny>,
    ) -> Result<Page<Credential>, Refused<ListProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Open).await?;
        let limit = limit.0.unwrap_or(PAGE_SIZE);
        let page = self.app.account.credential_page(&caller, cursor.0.as_deref(), usize::from(limit)).await?;
        let Some(page) = page else {
            let message = "This names no page of your list. Begin with the first one.".to_owned();
            return Err(Failure::fields([("cursor".to_owned(), message)]).into());
        };
        let entries = page.entries.into_iter().map(Credential::from).collect();
        Ok(Page { entries, next: page.next.map(|cursor| format!("limit={limit}&cursor={cursor}")) })
    }

    /// End a credential
    ///
    /// By its id in the list; `others` ends all but the one that makes this call. An access token that was handed out
    /// before lives on until its own end, five minutes at the most by default; end everything where that is too long.
    /// Logins that were begun to be linked to the user, by whatever credential, end too.
    #[oai(path = "/:id", method = "delete", operation_id = "endCredential")]
    async fn end(
        &self,
        /// The id of a credential in the list, or `others`.
        id: Path<String>,
        member: RequiredAuth<'_, ByAny>,
    ) -> Result<Done, Refused<EndProblems>> {
        let caller = member.check_admission(&self.app, OriginPolicy::Unsafe).await?;
        let client = app::client(member.request);
        if id.0 == "others" {
            self.app.account.end_other_credentials(&caller, &client).await?;
            return Ok(Done);
        }
        if self.app.account.end_credential(&caller, &id.0, &client).await? {
            Ok(Done)
        } else {
            Err(Failure::not_found().into())
        }
    }
}

/// Something that is signed in.
#[derive(Object)]
#[oai(example)]
pub struct Credential {
    /// Names it here; authenticates nothing.
    pub id: String,
    pub kind: LoginKind,
    /// Whether it is the one that made this call.
    pub current: bool,
    pub created: Timestamp,
    /// To five minutes. Of a pair: when it was last refreshed, since nobody is asked about an access token.
    pub last_used: Timestamp,
    /// When nothing of it is accepted any more; absent where it never ends by itself.
    #[oai(skip_serializing_if_is_none)]
    pub expires: Option<Timestamp>,
    /// The address that signed in; of a pair that was rotated, the one that refreshed it last.
    #[oai(skip_serializing_if_is_none)]
    pub ip: Option<String>,
    /// The browser or program at that address, by its own words.
    #[oai(skip_serializing_if_is_none)]
    pub agent: Option<String>,
}

impl From<Listed> for Credential {
    fn from(listed: Listed) -> Self {
        let entry = listed.entry;
        Self {
            id: listed.id,
            kind: match entry.kind {
                Kind::Session => LoginKind::Session,
                Kind::Token => LoginKind::Token,
                Kind::JwtPair => LoginKind::JwtPair,
                Kind::JwtSliding => LoginKind::JwtSliding,
                Kind::Knox => LoginKind::Knox,
            },
            current: listed.is_current,
            created: entry.created.into(),
            last_used: entry.last_used.into(),
            expires: entry.expires.map(Timestamp::from),
            ip: entry.client.ip,
            agent: entry.client.agent,
        }
    }
}

impl Example for Credential {
    fn example() -> Self {
        Self {
            id: "5f1c0a9e7d3b8246a1b2c3d4".to_owned(),
            kind: LoginKind::JwtPair,
            current: true,
            created: Timestamp::example(),
            last_used: Timestamp::example(),
            expires: Some(Timestamp::example()),
            ip: Some("203.0.113.7".to_owned()),
            agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
        }
    }
}
