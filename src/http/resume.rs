//! Goes on with a login that waits for the person: answers as JSON for a program, and a page with a form for a person whose
//! browser runs no script.

use std::sync::Arc;

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, OpenApi};

use super::answer;
use super::app::{self, App, OriginPolicy, SameSite};
use super::auth::{BySession, OptionalAuth};
use super::body::RawBody;
use super::form;
use super::input::ResumeInput;
use super::login::Tag;
use super::problem::Failure;
use super::refusals::{self, Case, Problems, Refused};
use super::server_redirect::{PersonalFailure, SeeOther};
use crate::login::{Fields, LoginError, Outcome, RequestContext, Resumed, Shown};

pub struct Resume {
    pub app: Arc<App>,
}

pub struct ResumeProblems;

impl Problems for ResumeProblems {
    const LIST: &'static [&'static [Case]] =
        &[refusals::ANY, refusals::BODY, refusals::RESUME, refusals::ACCOUNTS, refusals::SIGN_UP];
}

pub struct PageProblems;

impl Problems for PageProblems {
    const LIST: &'static [&'static [Case]] = &[refusals::ANY, refusals::ASKING, refusals::STORE];
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::Login)]
impl Resume {
    /// Go on with a login that waits
    ///
    /// A login that was answered by 202 waits ten minutes for what its step asks. Post the answers by their names, with the
    /// `flow_token`: the answer is that of the route where the login was posted, or another 202 where a further step
    /// asks. The provider is not asked again. Answers that will not do are told by `errors`. Whatever is refused, the login
    /// still waits; once it went on, its flow token is over.
    #[oai(path = "/resume", method = "post", operation_id = "resumeLogin")]
    async fn resume(
        &self,
        guest: OptionalAuth<'_, BySession>,
        body: RawBody<ResumeInput>,
    ) -> Result<ResumeAnswer, Refused<ResumeProblems>> {
        let request_context = guest.check_admission(&self.app, OriginPolicy::Session).await?.request_context;
        let fields = body.fields().await?;
        let answered = if app::wants_page(guest.request) {
            let resumed = self.app.login.resume(fields.clone(), request_context.clone(), Shown::Here).await;
            self.page_of(&request_context, &fields, resumed).await
        } else {
            let resumed = self.app.login.resume(fields, request_context.clone(), Shown::Elsewhere).await;
            resumed.and_then(|resumed| of_program(&request_context, resumed)).map_err(|error| self.app.refusals(error))
        };
        Ok(ResumeAnswer(answered.map_err(|failure| PersonalFailure::of(guest.request, failure))?))
    }

    /// A page that asks
    ///
    /// For a login of the redirect flow that landed with `halted` and a `code`: a page of this server with a form for what
    /// the step asks, which needs no script, in the browser that signed in. Looking at it spends nothing. When it is answered,
    /// the person lands once more.
    #[oai(path = "/resume", method = "get", operation_id = "showHaltedLogin")]
    async fn page(
        &self,
        /// As it came to the landing, for as long as the login waits.
        code: Query<String>,
        guest: OptionalAuth<'_, BySession>,
    ) -> Result<Page, Refused<PageProblems>> {
        let request_context = guest.check_admission(&self.app, OriginPolicy::Open).await?.request_context;
        match self.app.login.redirect_with_pending_login(&code.0, &request_context).await {
            Ok(pending_login) => Ok(Page(form::asking(&pending_login, &request_context.own))),
            Err(error) => Err(PersonalFailure::of(guest.request, self.app.refusals(error)).into()),
        }
    }
}

impl Resume {
    /// What a person sees next: the form once more, or where the login was begun to land.
    async fn page_of(
        &self,
        request_context: &RequestContext,
        given: &Fields,
        resumed: Result<Resumed, LoginError>,
    ) -> Result<Response, Failure> {
        let refusals = |error| self.app.refusals(error);
        let resumed = resumed.map_err(refusals)?;
        if let Some(error) = resumed.may_answer_again() {
            return Ok(form::asking_again(&resumed.asked, &request_context.own, given, refusals(error.clone())));
        }
        match resumed {
            Resumed { server_redirect: Some(_), outcome: Ok(Outcome::PendingLogin(pending_login)), .. } => {
                Ok(with_authorization_request(form::asking(&pending_login, &request_context.own), request_context))
            }
            Resumed { server_redirect: Some(server_redirect), outcome, .. } => {
                let redirect_outcome =
                    self.app.login.redirect_outcome(server_redirect, outcome).await.map_err(refusals)?;
                Ok(SeeOther::redirect_outcome(&request_context.own, request_context.cookie.as_ref(), redirect_outcome)?
                    .into_response())
            }
            resumed => of_program(request_context, resumed).map_err(refusals),
        }
    }
}

fn of_program(request_context: &RequestContext, resumed: Resumed) -> Result<Response, LoginError> {
    Ok(match resumed.outcome? {
        Outcome::SignedIn(mut answer) => {
            let session = answer.session.take();
            let mut response = answer::of_kind(resumed.kind, resumed.with_user, *answer);
            if let Some(session) = session {
                let (own, name) = (&request_context.own, app::session_cookie(&request_context.own));
                let cookie = app::set_cookie(own, name, &session.value, session.max_age, SameSite::Lax);
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Outcome::PendingLogin(pending_login) => {
            with_authorization_request(answer::more_needed(pending_login), request_context)
        }
        Outcome::RequestToken { oauth_token, .. } => answer::json(&answer::RequestToken::new(oauth_token)),
    })
}

/// The next question waits anew, and the attempt cookie must last as long.
fn with_authorization_request(mut response: Response, request_context: &RequestContext) -> Response {
    if let Some(cookie) = &request_context.cookie {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, app::refresh_authorization_request_cookie(&request_context.own, cookie));
    }
    response
}

/// What the route of the login would have answered; for a person, the next page.
pub struct ResumeAnswer(Response);

impl IntoResponse for ResumeAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ResumeAnswer {
    fn meta() -> MetaResponses {
        let mut done = answer::success(
            "What the login hands out, in the shape of its kind. A person at a browser gets the page of a further question.",
            answer::of_any_kind(true),
            Some(("The session cookie of a session login, or the attempt cookie.", false)),
        );
        done.content.push(html());
        MetaResponses { responses: vec![done, answer::more_needed_response(), SeeOther::response()] }
    }

    fn register(registry: &mut Registry) {
        answer::register_all(registry);
    }
}

fn html() -> MetaMediaType {
    let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    MetaMediaType { content_type: "text/html; charset=utf-8", schema }
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
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The form.",
                status: Some(200),
                status_range: None,
                content: vec![html()],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
