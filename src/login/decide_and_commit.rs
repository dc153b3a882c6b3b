//! The end of every login after the provider has identified the user. It is the pipeline's decision and its one
//! transaction, or a pending login when a step asks for additional input.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use super::answer_cipher::{AnswerCipher, already_used};
use super::app_context::AppContext;
use super::error::{LoginError, Refusal};
use super::outcome::{LoginOutcome, SignedIn};
use super::pipeline::{Decided, Decision, DecisionInput, LinkProof, Progress};
use super::request_secrets::Binding;
use super::service::LoginService;
use crate::clock::UnixMillis;
use crate::credential::{IssueRequest, Issued};
use crate::model::{
    AuditEvent, AuditKind, ClientInfo, CredentialKind, Identity, LinkRequest, LoginKind, NewCredential, ServerRedirect,
    User, UserId,
};
use crate::provider::Provider;
use crate::secrets::Digest;
use crate::store::{Committed, ConsumedCredential, IssuedCredential, LoginCommit, LoginTarget};

/// What a login will issue, and to which user; a pending login keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LoginTerms {
    pub kind: LoginKind,
    pub link_to: Option<LinkRequest>,
    /// Where the server-side redirect flow ends.
    pub server_redirect: Option<ServerRedirect>,
    /// The application's own values.
    pub app: AppContext,
}

impl LoginTerms {
    /// The user to link the account to.
    pub fn linked_user(&self) -> Option<UserId> {
        self.link_to.map(|link_request| link_request.user)
    }
}

/// What a login needs besides the identity: who calls, what it will issue, and which code it consumes.
pub(super) struct LoginContext {
    pub provider: Arc<Provider>,
    pub terms: LoginTerms,
    pub client: ClientInfo,
    /// The caller's session, which a session login replaces (SEC-32).
    pub session: Option<Digest>,
    pub binding: Binding,
    /// The code that was claimed, or the pending login that is resumed.
    pub consumed: ConsumedCredential,
    /// Encrypts the answer for a repeat; `None` when nothing identifies the caller.
    pub cipher: Option<AnswerCipher>,
    /// What came with the answers to a pending login.
    pub link_proof: LinkProof,
}

/// The user as the provider identified them.
pub(super) struct AuthenticatedIdentity {
    pub identity: Identity,
    /// The provider's tokens, encrypted; only with STORE_PROVIDER_TOKENS (SEC-40).
    pub tokens: Option<Vec<u8>>,
}

/// How often one login is decided again because other logins of the same account or address were committed first.
const MAX_DECISIONS: u32 = 8;

impl LoginContext {
    /// Errors: `fresh_login_required` (SEC-25); `flow_mismatch` when a credential of the user was revoked after the link was
    /// requested.
    fn check_link(&self, decision: &Decision) -> Result<(), LoginError> {
        let (Some(link_request), LoginTarget::Link { generation, .. }) = (&self.terms.link_to, &decision.target) else {
            return Ok(());
        };
        if link_request.generation != *generation {
            let detail = "You were signed out after you started to link this account: sign in, then link it.";
            return Err(LoginError::new(Refusal::FlowMismatch, detail));
        }
        if link_request.needs_fresh_login {
            let detail = "Your login is too old to link an account: sign in again, then link it.";
            return Err(LoginError::new(Refusal::FreshLoginRequired, detail));
        }
        Ok(())
    }
}

impl LoginService {
    /// Runs a login in a task of its own, which goes on when the caller disconnects: a browser that aborts and posts again
    /// (React's StrictMode does) gets the answer of the first request.
    pub(super) async fn spawn_detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LoginError>> + Send + 'static,
    ) -> Result<T, LoginError> {
        let task = self.in_flight.spawn(work.in_current_span());
        task.await.unwrap_or_else(|failure| match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(LoginError::new(Refusal::DatabaseUnavailable, "The login was interrupted. Try again.")),
        })
    }

    /// Runs the provider's pipeline on what is stored now.
    async fn decide(
        &self,
        context: &LoginContext,
        identity: &Identity,
        progress: &Progress,
    ) -> Result<Decided, LoginError> {
        let name = context.provider.name();
        let pipeline = self.pipelines.get(name).ok_or_else(|| self.unknown_provider(name))?;
        let rules = &context.provider.settings().user_rules;
        let input = DecisionInput {
            rules,
            identity,
            link_to: context.terms.linked_user(),
            data: context.terms.app.data.as_ref(),
            link_proof: context.link_proof,
        };
        let decided = pipeline.decide(&self.store, &self.deps, input, progress).await?;
        if let Decided::Commit(decision) = &decided {
            context.check_link(decision)?;
        }
        Ok(decided)
    }

    /// Decides and commits, or stores a pending login. When another login of the same account was committed in between, the
    /// decision is repeated on what is stored then.
    pub(super) async fn decide_and_commit(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        progress: Progress,
    ) -> Result<LoginOutcome, LoginError> {
        for _ in 0..MAX_DECISIONS {
            match self.decide(context, &authenticated.identity, &progress).await? {
                Decided::Ask(question) => {
                    let pending = self.store_pending_login(context, authenticated, *question).await?;
                    return Ok(LoginOutcome::PendingLogin(pending));
                }
                Decided::Commit(decision) => {
                    if let Some(answer) = self.commit(context, authenticated, *decision).await? {
                        return Ok(LoginOutcome::SignedIn(Box::new(answer)));
                    }
                }
            }
        }
        Err(LoginError::new(Refusal::DatabaseUnavailable, "Too many concurrent logins of one account. Try again."))
    }

    /// Writes a refusal after the claim to the audit log, since the caller may have disconnected (SEC-45).
    pub(super) async fn with_audit(
        &self,
        context: &LoginContext,
        result: Result<LoginOutcome, LoginError>,
    ) -> Result<LoginOutcome, LoginError> {
        let (provider, terms) = (context.provider.name(), &context.terms);
        let mut result =
            result.map_err(|error| error.with_login(Some(provider), terms.kind.credential(), terms.linked_user()));
        if let Err(error) = &mut result {
            self.audit_refusal(error.refusal.code(), &mut error.context, &context.client).await;
        }
        result
    }

    /// What the transaction of the login writes.
    fn login_commit(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        decision: Decision,
    ) -> LoginCommit {
        let now = self.deps.now();
        let (kind, identity) = (context.terms.kind.credential(), &authenticated.identity);
        let event = match &decision.target {
            LoginTarget::Known { .. } => AuditKind::SignIn,
            LoginTarget::Link { .. } => AuditKind::Link,
            LoginTarget::Create { .. } => AuditKind::SignUp,
        };
        LoginCommit {
            now,
            target: decision.target,
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
            set_last_login: kind == CredentialKind::Session,
            revoked_session: context.session.clone().filter(|_| kind == CredentialKind::Session),
            knox_limit: self.credentials.knox.limit().filter(|_| kind == CredentialKind::Knox),
            audit: AuditEvent {
                code: decision.code.map(Cow::Borrowed),
                provider: Some(identity.provider.clone()),
                kind: Some(kind),
                ..AuditEvent::new(event, context.client.clone(), now)
            },
            consumes: context.cipher.as_ref().map(|_| context.consumed.clone()),
            data: context.terms.app.data.clone(),
        }
    }

    /// Issues the credential of a login to its user.
    fn issue(
        &self,
        context: &LoginContext,
        identity: &Identity,
        user: &User,
        now: UnixMillis,
    ) -> (Issued, NewCredential) {
        let rules = &context.provider.settings().user_rules;
        let claims = self.claims.as_ref().map(|claims| claims(user, identity));
        let issue = IssueRequest {
            kind: context.terms.kind,
            user,
            now,
            client: &context.client,
            claims: claims.as_ref(),
            expires_in: identity.expires_in.filter(|_| rules.session_expiration),
            max_session_length: rules.max_session_length,
        };
        self.credentials.issue(&issue, &self.deps)
    }

    /// `None`: what the decision was based on has changed.
    async fn commit(
        &self,
        context: &LoginContext,
        authenticated: &AuthenticatedIdentity,
        decision: Decision,
    ) -> Result<Option<SignedIn>, LoginError> {
        let target_user = decision.target.user();
        let is_sign_up = matches!(decision.target, LoginTarget::Create { .. });
        let is_new = self.settings.rest_social.is_new.then_some(is_sign_up);
        let commit = self.login_commit(context, authenticated, decision);
        let now = commit.now;
        let mut answer = None;
        let mut issue_credential = |user: &User| {
            let user: &User = &context.provider.settings().user_rules.own_fields.of(user);
            let (issued, credential) = self.issue(context, &authenticated.identity, user, now);
            let signed_in = SignedIn { user: user.clone(), issued, is_new, app: context.terms.app.clone() };
            let outcome = || Ok(LoginOutcome::SignedIn(Box::new(signed_in.clone())));
            let encrypted = context.cipher.as_ref().map(|cipher| cipher.encrypt(&outcome(), &self.deps));
            answer = Some(signed_in);
            IssuedCredential { credential, answer: encrypted }
        };
        match self.store.commit_login(commit, &mut issue_credential).await? {
            Committed::Done(_) => {
                Ok(answer.inspect(|_| self.deps.metrics().credential_issued(context.terms.kind.credential())))
            }
            Committed::Stale => Ok(None),
            Committed::AlreadyCompleted => Err(already_used()),
            Committed::TooManyTokens => {
                let detail = "Maximum amount of tokens allowed per user exceeded.";
                Err(LoginError::new(Refusal::TokenLimitExceeded, detail).with_user(target_user))
            }
        }
    }
}
