//! Resumes a pending login: by JSON for a program, by a page with a form for a browser without script.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiResponse, OpenApi};

use crate::http::openapi::inputs::ResumeInput;
use crate::http::openapi::login_result::LoginResult;
use crate::http::openapi::{Refused, SeeOther, Tag, answers, error_list, meta_response, text_header};
use crate::http::pages::{CANCEL_FIELD, HTML, question_page, translated};
use crate::http::protocol::{
    App, ByAny, BySession, Failure, Language, OptionalAuth, OriginPolicy, Query, RawBody, Rejection,
    refresh_authorization_request_cookie, session_cookie_of, wants_html,
};
use crate::login::{Fields, FormHost, LoginOutcome, PendingLogin, RequestContext, Resumed};

pub struct Resume {
    pub app: Arc<App>,
}

error_list! {
    ResumeErrors or_page: ANY, BODY, RESUME, ACCOUNT_CONFLICT, SIGN_UP_UNAVAILABLE;
    PageErrors or_page: ANY, LOGIN_RATE_LIMITED, INVALID_PENDING_CODE;
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::Login)]
impl Resume {
    /// Resume a pending login
    ///
    /// A login that was answered 403 `additional_input_required` is pending for ten minutes. Post the answers under the names
    /// of the `fields`, with the `flow_token`. The answer is that of the login route, with its `kind`; or the same 403 again,
    /// with another flow token, if another step needs input. After an error the login is still pending; after a success its
    /// flow token cannot be used again.
    #[oai(path = "/resume", method = "post", operation_id = "resumeLogin")]
    async fn resume(
        &self,
        auth: OptionalAuth<'_, ByAny>,
        body: RawBody<ResumeInput>,
    ) -> Result<ResumeAnswer, Refused<ResumeErrors>> {
        let context = auth.admit_to_resume(&self.app, OriginPolicy::SessionRoute).await?;
        let fields = body.fields().await?;
        let answer = if wants_html(auth.request) {
            self.next_page(&context, auth.request, fields).await?
        } else {
            let resumed = self.app.login.resume(fields, context.clone(), FormHost::Client).await;
            let resumed = resumed.map_err(|error| translated(self.app.login_failure(error), auth.request))?;
            self.json(&context, auth.request, resumed)?
        };
        Ok(ResumeAnswer(answer))
    }

    /// Show the page of a pending login
    ///
    /// For a login of the redirect flow that ended at `next` with `halted` and a `code`: a page of this server with a form
    /// for the requested fields. It needs no script, and the browser that signed in. Showing it does not consume the code.
    /// After the form, the server redirects to `next` again; with `error=access_denied`, if the user cancels.
    #[oai(path = "/resume", method = "get", operation_id = "showPendingLogin")]
    async fn page(
        &self,
        /// The `code` parameter of the redirect to `next`; valid as long as the login is pending.
        code: Query<String>,
        /// Languages for the page, the preferred one first, separated by spaces (OpenID Connect Core, 3.1.2.1). The
        /// default is `Accept-Language`.
        ui_locales: Query<Option<String>>,
        auth: OptionalAuth<'_, BySession>,
    ) -> Result<Page, Refused<PageErrors>> {
        let context = auth.admit(&self.app, OriginPolicy::Unchecked).await?.context;
        let pending = self.app.login.redirect_with_pending_login(&code.0, &context).await;
        let pending = pending.map_err(|error| self.app.login_failure(error))?;
        let language = Language::preferred(ui_locales.0.as_deref(), auth.request.headers());
        Ok(Page(self.question(StatusCode::OK, language, &pending)))
    }
}

impl Resume {
    /// What a browser shows next: the form again, the form of the next step, or `next`. The form has a button that cancels the
    /// login.
    async fn next_page(
        &self,
        context: &RequestContext,
        request: &Request,
        fields: Fields,
    ) -> Result<Response, Rejection> {
        let failure = |error| self.app.login_failure(error);
        if fields.own(CANCEL_FIELD).is_some() {
            let outcome = self.app.login.cancel(&fields, context).await.map_err(failure)?;
            return Ok(SeeOther::to_outcome(&context.base_url, context.cookie.as_ref(), outcome)?.into_response());
        }
        let resumed =
            self.app.login.resume(fields.clone(), context.clone(), FormHost::Server).await.map_err(failure)?;
        let language = Language::of(request);
        if let Some(error) = resumed.may_answer_again() {
            let failure = failure(error.clone());
            let answers = Some((&fields, &failure));
            let page = question_page(&self.app.pages, language, &resumed.asked, answers);
            return Err(Rejection::with_page(failure, page));
        }
        match resumed {
            Resumed { server_redirect: Some(_), outcome: Ok(LoginOutcome::PendingLogin(pending)), .. } => {
                let page = self.question(StatusCode::FORBIDDEN, language, &pending);
                Ok(with_authorization_request_cookie(page, context))
            }
            Resumed { server_redirect: Some(server_redirect), outcome, .. } => {
                let outcome = self.app.login.redirect_outcome(server_redirect, outcome).await.map_err(failure)?;
                Ok(SeeOther::to_outcome(&context.base_url, context.cookie.as_ref(), outcome)?.into_response())
            }
            resumed => self.json(context, request, resumed),
        }
    }

    fn question(&self, status: StatusCode, language: Language, pending: &PendingLogin) -> Response {
        let page = question_page(&self.app.pages, language, pending, None);
        self.app.pages.response(status, page)
    }

    fn json(&self, context: &RequestContext, request: &Request, resumed: Resumed) -> Result<Response, Rejection> {
        let failure = |error| translated(self.app.login_failure(error), request);
        Ok(match resumed.outcome.map_err(failure)? {
            LoginOutcome::SignedIn(answer) => {
                let cookie = answer.issued.session().map(|session| session_cookie_of(&context.base_url, session));
                let mut response = LoginResult::response(resumed.kind, *answer);
                response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
                response
            }
            LoginOutcome::PendingLogin(pending) => {
                let pending = translated(Failure::additional_input_required(pending), request).into_response();
                with_authorization_request_cookie(pending, context)
            }
            LoginOutcome::RequestToken { oauth_token, .. } => answers::request_token(oauth_token),
        })
    }
}

/// The next question is pending for its own ten minutes; the authorization request cookie must last as long.
fn with_authorization_request_cookie(mut response: Response, context: &RequestContext) -> Response {
    if let Some(cookie) = &context.cookie {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, refresh_authorization_request_cookie(&context.base_url, cookie));
    }
    response
}

/// The answer of the login route with its kind; for a browser, the redirect to `next` or the page of the next question.
pub struct ResumeAnswer(Response);

impl IntoResponse for ResumeAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ResumeAnswer {
    fn meta() -> MetaResponses {
        let cookie = text_header("Set-Cookie", "The session cookie of a session login.", false);
        let done = answers::success("Signed in.", LoginResult::schema_ref(), vec![cookie]);
        MetaResponses { responses: vec![done, SeeOther::response()] }
    }

    fn register(registry: &mut Registry) {
        LoginResult::register(registry);
    }
}

/// A page of HTML.
pub struct Page(Response);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Page {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let html = MetaMediaType { content_type: HTML, schema };
        MetaResponses { responses: vec![meta_response(200, "The form.", vec![html], vec![])] }
    }

    fn register(_: &mut Registry) {}
}
