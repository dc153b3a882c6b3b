//! The end of every login, once the provider has said who it is: the decision, and its one commit; or the halt, where a
//! step asks the person for more.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use tracing::Instrument as _;

use super::code_replay::{AnswerCipher, already_used};
use super::error::{LoginError, Refusal};
use super::pipeline::{Decided, Decision, Progress};
use super::{LoginResult, LoginService, SessionCookie, SignedIn};
use crate::credential::{Issue, Issued};
use crate::model::{AuditEvent, AuditKind, ClientInfo, Identity, Kind, LinkRequest, ServerRedirect, User};
use crate::provider::Provider;
use crate::secrets::Digest;
use crate::store::{Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget};

/// What a login is to end with, for whom, and where its answer is kept.
pub(super) struct LoginContext {
    pub provider: Arc<Provider>,
    pub kind: Kind,
    pub with_user: bool,
    pub link_to: Option<LinkRequest>,
    /// The login of whoever links is too old for that (SEC-25).
    pub needs_fresh_login: bool,
    pub client: ClientInfo,
    /// Of the caller, which a session login replaces (SEC-32).
    pub session: Option<Digest>,
    /// Digest of the attempt cookie that came along.
    pub browser: Option<Digest>,
    /// Where the person lands, in the redirect flow on the server.
    pub server_redirect: Option<ServerRedirect>,
    /// The code that was claimed for it, or the login that waited.
    pub ends: ConsumedCredential,
    /// Of the same browser: seals the answer for its repeat.
    pub encrypt: Option<AnswerCipher>,
}

/// The person, as the provider told of them.
pub(super) struct AuthenticatedIdentity {
    pub identity: Identity,
    /// The provider's tokens, sealed; only with STORE_PROVIDER_TOKENS (SEC-40).
    pub tokens: Option<Vec<u8>>,
}

/// How often one login is decided anew after other logins of the same account or address were committed first.
const MAX_DECISIONS: u32 = 8;

impl LoginContext {
    /// Errors: `fresh_login_required` (SEC-25); `flow_mismatch` where something that is signed in was ended since it was asked for.
    fn may_link(&self, decision: &Decision) -> Result<(), LoginError> {
        let (Some(link_request), LoginTarget::Link { generation, .. }) = (&self.link_to, &decision.who) else {
            return Ok(());
        };
        if link_request.generation != *generation {
            let detail = "You were signed out since you began to link this account: sign in, then link it.";
            return Err(LoginError::new(Refusal::FlowMismatch, detail));
        }
        if self.needs_fresh_login {
            let detail = "Your login is too old to link an account: sign in again, then link it.";
            return Err(LoginError::new(Refusal::FreshLoginRequired, detail));
        }
        Ok(())
    }
}

impl LoginService {
    /// In a task of its own: a browser that breaks off and posts again (React's StrictMode does) must find the answer of
    /// the first post, not a code that was spent for nothing.
    pub(super) async fn spawn_detached(
        &self,
        work: impl Future<Output = Result<LoginResult, LoginError>> + Send + 'static,
    ) -> Result<LoginResult, LoginError> {
        let job = self.jobs.spawn(work.in_current_span());
        job.await.unwrap_or_else(|failure| match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server is going down.
            Err(_) => Err(LoginError::new(Refusal::DatabaseUnavailable, "The login could not be finished. Try again.")),
        })
    }

    /// What the pipeline of the ticket's provider says of the person now.
    async fn decide(
        &self,
        context: &LoginContext,
        identity: &Identity,
        progress: &Progress,
    ) -> Result<Decided, LoginError> {
        let name = context.provider.name();
        let pipeline = self.pipelines.get(name).ok_or_else(super::unknown_provider)?;
        let rules = &context.provider.settings().user_rules;
        let link_to = context.link_to.map(|link_request| link_request.user);
        let decided = pipeline.decide(&self.store, &self.deps, rules, identity, link_to, progress).await?;
        if let Decided::Commit(decision) = &decided {
            context.may_link(decision)?;
        }
        Ok(decided)
    }

    /// Decides and commits, or halts. A decision can be overtaken by another login of the same account; it is then taken
    /// anew, on what is there now.
    pub(super) async fn decide_and_commit(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        progress: Progress,
    ) -> Result<LoginResult, LoginError> {
        for _ in 0..MAX_DECISIONS {
            match self.decide(context, &authenticated.identity, &progress).await? {
                Decided::Ask(question) => {
                    return self.halt(context, authenticated, *question).await.map(LoginResult::PendingLogin);
                }
                Decided::Commit(decision) => {
                    if let Some(answer) = self.commit(context, authenticated, *decision).await? {
                        return Ok(LoginResult::SignedIn(Box::new(answer)));
                    }
                }
            }
        }
        Err(LoginError::new(Refusal::DatabaseUnavailable, "Too many logins of one account at once. Try again."))
    }

    /// A refusal after the claim has its row from here on, also where nobody waits for the answer any more (SEC-45).
    pub(super) async fn with_audit(
        &self,
        context: &LoginContext,
        result: Result<LoginResult, LoginError>,
    ) -> Result<LoginResult, LoginError> {
        let user = context.link_to.map(|link_request| link_request.user);
        let mut result = result.map_err(|error| error.of(Some(context.provider.name()), context.kind, user));
        if let Err(error) = &mut result {
            self.note(error.refusal.code(), &mut error.about, &context.client).await;
        }
        result
    }

    /// `None`: the decision was overtaken.
    async fn commit(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        decision: Decision,
    ) -> Result<Option<SignedIn>, LoginError> {
        let now = self.deps.now();
        let (kind, identity) = (context.kind, &authenticated.identity);
        let event = match &decision.who {
            LoginTarget::Known { .. } => AuditKind::SignIn,
            LoginTarget::Link { .. } => AuditKind::Link,
            LoginTarget::Create { .. } => AuditKind::SignUp,
        };
        let whose = decision.who.user();
        let commit = LoginCommit {
            now,
            target: decision.who,
            provider: identity.provider.clone(),
            uid: identity.uid.to_string(),
            uid_scope: identity.uid_scope.current.clone(),
            extra_data: decision.extra_data,
            first_name: decision.first_name,
            last_name: decision.last_name,
            username: decision.username,
            email: decision.email,
            fields: decision.fields,
            tokens: authenticated.tokens.clone(),
            set_last_login: kind == Kind::Session,
            revoked_session: context.session.clone().filter(|_| kind == Kind::Session),
            knox_limit: self.credentials.knox.limit().filter(|_| kind == Kind::Knox),
            audit: AuditEvent {
                at: now,
                event,
                code: decision.code.map(Cow::Borrowed),
                provider: Some(identity.provider.clone()),
                kind: Some(kind),
                user_id: None,
                client: context.client.clone(),
            },
            consumes: context.encrypt.as_ref().map(|_| context.ends.clone()),
        };
        let rules = &context.provider.settings().user_rules;
        let expires_in = identity.expires_in.filter(|_| rules.session_expiration);
        let mut answer = None;
        let is_new = self.settings.rest_social.is_new.then_some(event == AuditKind::SignUp);
        let mut make = |user: &User| {
            let user = &rules.own_fields.of(user);
            let claims = self.claims.as_ref().map(|claims| claims(user, identity));
            let issue = Issue {
                kind,
                with_user: context.with_user,
                user,
                now,
                client: &context.client,
                claims: claims.as_ref(),
                expires_in,
                longest: rules.max_session_length,
            };
            let issued = self.credentials.issue(&issue, &self.deps);
            let signed_in = SignedIn { is_new, ..signed_in(user, &issued) };
            let kept = context
                .encrypt
                .as_ref()
                .map(|encrypt| encrypt.close(&Ok(LoginResult::SignedIn(Box::new(signed_in.clone()))), &self.deps));
            answer = Some(signed_in);
            IssuedCredential { credential: issued.row, answer: kept }
        };
        match self.store.commit_login(commit, &mut make).await? {
            Committed::Done(_) => Ok(answer),
            Committed::Stale => Ok(None),
            Committed::AlreadyCompleted => Err(already_used()),
            Committed::TooManyTokens => {
                let detail = "Maximum amount of tokens allowed per user exceeded.";
                let refused = LoginError::new(Refusal::TokenLimitExceeded, detail);
                Err(whose.into_iter().fold(refused, LoginError::of_user))
            }
        }
    }
}

fn signed_in(user: &User, issued: &Issued) -> SignedIn {
    SignedIn {
        user: user.clone(),
        token: issued.token.clone(),
        refresh: issued.refresh.clone(),
        session: issued
            .session
            .as_ref()
            .map(|session| SessionCookie { value: session.value.clone(), max_age: session.max_age }),
        is_new: None,
    }
}
