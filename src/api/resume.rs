//! Goes on with a login that waits for the person: answers as JSON for a program, and a page with a form for a person whose
//! browser runs no script.

use std::fmt::Write as _;
use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ToJSON, Type};
use poem_openapi::{ApiResponse, OpenApi};

use super::answer::{self, MoreNeeded, SessionUser, Token, TokenPair, UserWithToken, UserWithTokenPair};
use super::app::{self, App, Gate, SameSite};
use super::body::Posted;
use super::entry::{BySession, Guest};
use super::input::ResumeInput;
use super::landing::{PersonalFailure, SeeOther};
use super::login::Tag;
use super::problem::{Failure, escaped};
use super::refused::{self, Case, Problems, Refused};
use crate::login::{FieldType, Halted, LoginError, Outcome, Refusal, Resumed, Swapped, Visitor};

pub struct Resume {
    pub app: Arc<App>,
}

pub struct ResumeProblems;

impl Problems for ResumeProblems {
    const LIST: &'static [&'static [Case]] = &[
        refused::ANY,
        refused::BODY,
        refused::RESUME,
        refused::CREDENTIAL,
        refused::ACCOUNTS,
        refused::PROVIDER,
        refused::SIGN_UP,
    ];
}

pub struct PageProblems;

impl Problems for PageProblems {
    const LIST: &'static [&'static [Case]] = &[refused::ANY, refused::SWAP, refused::STORE];
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::Login)]
impl Resume {
    /// Go on with a login that waits
    ///
    /// A login that was answered by 202 waits ten minutes for what its step asks. Post the answers by their names, with the
    /// `flow_token`: the answer is that of the route where the login was posted, or another 202 where a further step
    /// asks. The provider is not asked again. Answers that will not do are told by `errors`, and the login still waits;
    /// after it went on its flow token is over.
    #[oai(path = "/resume", method = "post", operation_id = "resumeLogin")]
    async fn resume(
        &self,
        guest: Guest<'_, BySession>,
        body: Posted<ResumeInput>,
    ) -> Result<ResumeAnswer, Refused<ResumeProblems>> {
        let visitor = guest.admit(&self.app, Gate::Session).await?.visitor;
        let fields = body.fields().await?;
        let as_page = app::wants_page(guest.request);
        let flow_token = fields.own("flow_token").unwrap_or_default().to_owned();
        match self.app.login.resume(fields, visitor.clone()).await {
            Ok(resumed) if as_page => self.landed(&visitor, resumed).await.map_err(Refused::page),
            Ok(resumed) => Ok(ResumeAnswer(of_program(&visitor, resumed))),
            Err(error) if as_page => self.asked_again(&visitor, &flow_token, error).await.map_err(Refused::page),
            Err(error) => Err(self.app.refused(error).into()),
        }
    }

    /// A page that asks
    ///
    /// For a login of the redirect flow that landed with `halted` and a `code`: a page of this server with a form for what
    /// the step asks, which needs no script. When it is answered, the person lands once more.
    #[oai(path = "/resume", method = "get", operation_id = "showHaltedLogin")]
    async fn page(
        &self,
        /// As it came to the landing.
        code: Query<String>,
        request: &Request,
    ) -> Result<Page, Refused<PageProblems>> {
        let failure = match self.app.login.swap(&code.0, None).await {
            Ok(Swapped::Halted(halted)) => return Ok(Page(page(&halted, &[]))),
            Ok(Swapped::SignedIn { .. }) => Failure::bad("invalid_code", "This code is of a login that does not wait."),
            Err(error) => self.app.refused(error),
        };
        Err(PersonalFailure::of(request, failure).into())
    }
}

impl Resume {
    /// Where the login was begun to land somewhere, the person goes there.
    async fn landed(&self, visitor: &Visitor, resumed: Resumed) -> Result<ResumeAnswer, Failure> {
        if let Outcome::Halted(halted) = &resumed.outcome
            && resumed.landing.is_some()
        {
            return Ok(ResumeAnswer(page(halted, &[])));
        }
        let response = match self.app.login.land_resumed(&resumed).await {
            Some(landed) => {
                let landed = landed.map_err(|error| self.app.refused(error))?;
                SeeOther::landed(&visitor.own, visitor.cookie.as_deref(), landed)?.into_response()
            }
            None => of_program(visitor, resumed),
        };
        Ok(ResumeAnswer(response))
    }

    /// Mistakes are shown in the form; whatever else is wrong ends it.
    async fn asked_again(
        &self,
        visitor: &Visitor,
        flow_token: &str,
        error: LoginError,
    ) -> Result<ResumeAnswer, Failure> {
        if error.refusal == Refusal::InvalidRequest
            && let Ok(halted) = self.app.login.halted(flow_token, visitor).await
        {
            let mut response = page(&halted, &error.fields);
            response.set_status(StatusCode::BAD_REQUEST);
            return Ok(ResumeAnswer(response));
        }
        Err(self.app.refused(error))
    }
}

fn of_program(visitor: &Visitor, resumed: Resumed) -> Response {
    match resumed.outcome {
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
        Outcome::Halted(halted) => {
            let mut response = answer::more_needed(halted);
            if let Some(cookie) = &visitor.cookie {
                response.headers_mut().insert(header::SET_COOKIE, app::keep_attempt(&visitor.own, cookie));
            }
            response
        }
        Outcome::RequestToken { oauth_token, .. } => answer::json(&answer::RequestToken::new(oauth_token)),
    }
}

/// No script, no style, nothing from elsewhere. Its own `Referrer-Policy` lets the form say where it comes from.
fn page(halted: &Halted, errors: &[(String, String)]) -> Response {
    let mut form = String::with_capacity(1024);
    for field in &halted.fields {
        let (name, title) = (escaped(&field.name), escaped(&field.title));
        let required = if field.required { " required" } else { "" };
        let input = match field.kind {
            FieldType::Checkbox => {
                format!("<label><input type=\"checkbox\" name=\"{name}\" value=\"true\"{required}> {title}</label>")
            }
            FieldType::Choice => {
                let choices: String =
                    field.choices.iter().map(|choice| format!("<option>{}</option>", escaped(choice))).collect();
                let none = "<option value=\"\"></option>";
                format!("<label>{title}<br><select name=\"{name}\"{required}>{none}{choices}</select></label>")
            }
            FieldType::Email | FieldType::Text => {
                let kind = if field.kind == FieldType::Email { "email" } else { "text" };
                format!("<label>{title}<br><input type=\"{kind}\" name=\"{name}\"{required}></label>")
            }
        };
        let help =
            field.help.as_deref().map(|help| format!("<br><small>{}</small>", escaped(help))).unwrap_or_default();
        let wrong = errors.iter().filter(|(of, _)| *of == field.name);
        let wrong: String = wrong.map(|(_, message)| format!("<br><strong>{}</strong>", escaped(message))).collect();
        write!(form, "<p>{input}{help}{wrong}</p>").expect("writing to a String does not fail");
    }
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"referrer\" content=\"same-origin\"><title>One more thing</title>\
         <h1>One more thing</h1><form method=\"post\" action=\"/api/login/social/resume/\">\
         <input type=\"hidden\" name=\"flow_token\" value=\"{}\">{form}<p><button>Go on</button></p></form></html>",
        escaped(&halted.flow_token)
    );
    Response::builder().content_type("text/html; charset=utf-8").body(body)
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
        let either = MetaSchema {
            any_of: vec![
                SessionUser::schema_ref(),
                Token::schema_ref(),
                UserWithToken::schema_ref(),
                TokenPair::schema_ref(),
                UserWithTokenPair::schema_ref(),
            ],
            example: TokenPair::example().to_json(),
            ..MetaSchema::ANY
        };
        let done = answer::success(
            "What the login hands out, in the shape of its kind.",
            MetaSchemaRef::Inline(Box::new(either)),
            Some(("The session cookie of a session login.", false)),
        );
        MetaResponses { responses: vec![done, answer::more_needed_response(), SeeOther::response()] }
    }

    fn register(registry: &mut Registry) {
        SessionUser::register(registry);
        Token::register(registry);
        UserWithToken::register(registry);
        TokenPair::register(registry);
        UserWithTokenPair::register(registry);
        MoreNeeded::register(registry);
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
        let html = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The form.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: "text/html; charset=utf-8", schema: html }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
