//! Goes on with a login that waits for the person: answers as JSON for a program, and a page with a form for a person whose
//! browser runs no script.

use std::sync::Arc;

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, OpenApi};

use super::answer;
use super::app::{self, App, Gate, SameSite};
use super::body::Posted;
use super::entry::{BySession, Guest};
use super::form;
use super::input::ResumeInput;
use super::landing::{PersonalFailure, SeeOther};
use super::login::Tag;
use super::problem::Failure;
use super::refused::{self, Case, Problems, Refused};
use crate::login::{Fields, LoginError, Outcome, Resumed, Shown, Visitor};

pub struct Resume {
    pub app: Arc<App>,
}

pub struct ResumeProblems;

impl Problems for ResumeProblems {
    const LIST: &'static [&'static [Case]] =
        &[refused::ANY, refused::BODY, refused::RESUME, refused::ACCOUNTS, refused::SIGN_UP];
}

pub struct PageProblems;

impl Problems for PageProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::ASKING, refused::STORE];
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
        guest: Guest<'_, BySession>,
        body: Posted<ResumeInput>,
    ) -> Result<ResumeAnswer, Refused<ResumeProblems>> {
        let visitor = guest.admit(&self.app, Gate::Session).await?.visitor;
        let fields = body.fields().await?;
        let answered = if app::wants_page(guest.request) {
            let resumed = self.app.login.resume(fields.clone(), visitor.clone(), Shown::Here).await;
            self.page_of(&visitor, &fields, resumed).await
        } else {
            let resumed = self.app.login.resume(fields, visitor.clone(), Shown::Elsewhere).await;
            resumed.and_then(|resumed| of_program(&visitor, resumed)).map_err(|error| self.app.refused(error))
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
        guest: Guest<'_, BySession>,
    ) -> Result<Page, Refused<PageProblems>> {
        let visitor = guest.admit(&self.app, Gate::Open).await?.visitor;
        match self.app.login.landed_halted(&code.0, &visitor).await {
            Ok(halted) => Ok(Page(form::asking(&halted, &visitor.own))),
            Err(error) => Err(PersonalFailure::of(guest.request, self.app.refused(error)).into()),
        }
    }
}

impl Resume {
    /// What a person sees next: the form once more, or where the login was begun to land.
    async fn page_of(
        &self,
        visitor: &Visitor,
        given: &Fields,
        resumed: Result<Resumed, LoginError>,
    ) -> Result<Response, Failure> {
        let refused = |error| self.app.refused(error);
        let resumed = resumed.map_err(refused)?;
        if let Some(error) = resumed.may_answer_again() {
            return Ok(form::asking_again(&resumed.asked, &visitor.own, given, refused(error.clone())));
        }
        match resumed {
            Resumed { landing: Some(_), outcome: Ok(Outcome::Halted(halted)), .. } => {
                Ok(with_attempt(form::asking(&halted, &visitor.own), visitor))
            }
            Resumed { landing: Some(landing), outcome, .. } => {
                let landed = self.app.login.landed(landing, outcome).await.map_err(refused)?;
                Ok(SeeOther::landed(&visitor.own, visitor.cookie.as_ref(), landed)?.into_response())
            }
            resumed => of_program(visitor, resumed).map_err(refused),
        }
    }
}

fn of_program(visitor: &Visitor, resumed: Resumed) -> Result<Response, LoginError> {
    Ok(match resumed.outcome? {
        Outcome::SignedIn(mut answer) => {
            let session = answer.session.take();
            let mut response = answer::of_kind(resumed.kind, resumed.with_user, *answer);
            if let Some(session) = session {
                let (own, name) = (&visitor.own, app::session_cookie(&visitor.own));
                let cookie = app::set_cookie(own, name, &session.value, session.max_age, SameSite::Lax);
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Outcome::Halted(halted) => with_attempt(answer::more_needed(halted), visitor),
        Outcome::RequestToken { oauth_token, .. } => answer::json(&answer::RequestToken::new(oauth_token)),
    })
}

/// The next question waits anew, and the attempt cookie must last as long.
fn with_attempt(mut response: Response, visitor: &Visitor) -> Response {
    if let Some(cookie) = &visitor.cookie {
        response.headers_mut().insert(header::SET_COOKIE, app::keep_attempt(&visitor.own, cookie));
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
