//! Which problems an operation may answer, for the document: one [`Case`] for each status, with the codes that this
//! operation can give, a text and an example. Handlers return `Result<_, Refused<S>>`; `S` is the list.

use std::marker::PhantomData;

use poem::IntoResponse as _;
use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde_json::json;

use super::page;
use super::problem::{Failure, Problem};

/// The problems of one status.
pub struct Case {
    pub status: u16,
    /// Every code that may stand there, with what it means.
    pub description: &'static str,
    /// Code and detail of the example.
    pub example: (&'static str, &'static str),
}

/// Which problems an operation may answer.
pub trait Problems: Send + Sync + 'static {
    const LIST: &'static [&'static [Case]];
}

/// A [`Failure`] of an operation, documented by `S`.
#[derive(Debug)]
pub struct Refused<S>(Box<Shown>, PhantomData<S>);

#[derive(Debug)]
struct Shown {
    failure: Failure,
    /// For a person at a browser rather than for a program.
    as_page: bool,
}

impl<S> Refused<S> {
    pub fn new(failure: Failure) -> Self {
        Self(Box::new(Shown { failure, as_page: false }), PhantomData)
    }

    /// A small page of HTML with the same status, code and text.
    pub fn page(failure: Failure) -> Self {
        Self(Box::new(Shown { failure, as_page: true }), PhantomData)
    }
}

impl<S, E: Into<Failure>> From<E> for Refused<S> {
    fn from(error: E) -> Self {
        Self::new(error.into())
    }
}

impl<S> From<Refused<S>> for poem::Error {
    fn from(refusals: Refused<S>) -> Self {
        let Shown { mut failure, as_page } = *refusals.0;
        let declined = failure.declined();
        let mut error = Self::from_response(if as_page { page::refusal(&failure) } else { failure.into_response() });
        // The answer's own would be lost.
        error.set_data(declined);
        error
    }
}

impl<S: Problems> ApiResponse for Refused<S> {
    fn meta() -> MetaResponses {
        let mut cases: Vec<&Case> = S::LIST.iter().copied().flatten().collect();
        cases.sort_by_key(|case| case.status);
        MetaResponses { responses: cases.into_iter().map(documented).collect() }
    }

    fn register(registry: &mut Registry) {
        <Problem as Type>::register(registry);
    }
}

fn documented(case: &Case) -> MetaResponse {
    let (code, detail) = case.example;
    let mut example = json!({
        "type": "about:blank",
        "title": StatusCode::from_u16(case.status).ok().and_then(|status| status.canonical_reason()),
        "status": case.status,
        "code": code,
        "detail": detail,
        "request_id": "0199a0b2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    });
    if code == "invalid_request" {
        example["errors"] = json!({"code": ["This field is required."]});
    }
    let schema =
        MetaSchema { all_of: vec![<Problem as Type>::schema_ref()], example: Some(example), ..MetaSchema::ANY };
    let header = match case.status {
        401 => Some(("WWW-Authenticate", "`Token`, or `Bearer realm=\"api\"` for a JWT.")),
        405 => Some(("Allow", "The methods of this path.")),
        429 | 503 => Some(("Retry-After", "Seconds until the call may be tried again.")),
        _ => None,
    };
    let header = header.map(|(name, description)| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    });
    MetaResponse {
        description: case.description,
        status: Some(case.status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: MetaSchemaRef::Inline(Box::new(schema)),
        }],
        headers: header.into_iter().collect(),
    }
}

/// Of every operation below `/api/`.
pub const ANY: &[Case] = &[Case {
    status: 406,
    description: "`not_acceptable`: the `Accept` header takes neither JSON nor problem documents, and there is nothing \
                  else here.",
    example: ("not_acceptable", "Answers are application/json."),
}];

/// Of the lists that have pages.
pub const PAGE: &[Case] = &[Case {
    status: 400,
    description: "`invalid_request`: `limit` is out of range, or `cursor` names no page of this list.",
    example: ("invalid_request", "The request has invalid fields."),
}];

/// Of the operations that have no other refusal of the caller's.
pub const METHOD: &[Case] = &[Case {
    status: 405,
    description: "`method_not_allowed`: the path has other methods; `Allow` lists them.",
    example: ("method_not_allowed", "This path has other methods: see the Allow header."),
}];

/// Of every operation that asks the database.
pub const STORE: &[Case] = &[Case {
    status: 503,
    description: "`database_unavailable`: try again in a moment.",
    example: ("database_unavailable", "The database does not answer. Try again in a moment."),
}];

/// Of `/readyz`, instead of [`STORE`].
pub const READY: &[Case] = &[Case {
    status: 503,
    description: "`database_unavailable`: try again in a moment. `shutting_down`: a graceful shutdown is under way.",
    example: ("database_unavailable", "The database does not answer. Try again in a moment."),
}];

/// Of the operations that may create a user, instead of [`STORE`].
pub const SIGN_UP: &[Case] = &[Case {
    status: 503,
    description: "`database_unavailable`: try again in a moment. `sign_up_unavailable`: the operator's own software was to \
                  be asked about somebody new and did not answer.",
    example: ("database_unavailable", "The database does not answer. Try again in a moment."),
}];

/// Of every operation that reads a body.
pub const BODY: &[Case] = &[
    Case {
        status: 408,
        description: "`request_timeout`: the body did not arrive within 30 seconds.",
        example: ("request_timeout", "The body did not arrive within 30 seconds."),
    },
    Case {
        status: 413,
        description: "`too_large`: a body may have 65,536 bytes.",
        example: ("too_large", "A body may have 65536 bytes."),
    },
    Case {
        status: 415,
        description: "`unsupported_media_type`: the body is neither JSON nor a form.",
        example: (
            "unsupported_media_type",
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        ),
    },
];

pub const CREDENTIAL: &[Case] = &[Case {
    status: 401,
    description: "The credential: `not_authenticated` (none came), `invalid_token` (also that of an inactive user), \
                  `token_not_valid` (a JWT, with `messages`), `user_not_found`, `bad_authorization_header`.",
    example: ("invalid_token", "Invalid token."),
}];

pub const CSRF: &[Case] = &[Case {
    status: 403,
    description: "`csrf_failed`: the call comes from a page of an origin that is not in ALLOWED_ORIGINS, or a session \
                  cookie came with neither `Origin` nor `Sec-Fetch-Site`.",
    example: ("csrf_failed", "This Origin is not in ALLOWED_ORIGINS."),
}];

const PROVIDER_ERROR: Case = Case {
    status: 502,
    description: "`provider_error`: the provider refused this server, or answered what cannot be used.",
    example: ("provider_error", "The provider's answer cannot be used."),
};

const PROVIDER_TIMEOUT: Case = Case {
    status: 504,
    description: "`provider_timeout`: the provider did not answer in time (10 s a call, 15 s together).",
    example: ("provider_timeout", "The provider did not answer in time."),
};

/// Of a call to a provider outside a login.
pub const PROVIDER_CALL: &[Case] = &[PROVIDER_ERROR, PROVIDER_TIMEOUT];

const UNKNOWN_PROVIDER: Case = Case {
    status: 404,
    description: "`unknown_provider`: no provider of this name is configured.",
    example: ("unknown_provider", "No provider of this name is configured."),
};

/// Of the login routes and of begin.
pub const PROVIDER: &[Case] = &[UNKNOWN_PROVIDER, PROVIDER_ERROR, PROVIDER_TIMEOUT];

/// Of routes that write a row for a caller without a credential.
const TOO_MANY: Case = Case {
    status: 429,
    description: "`too_many_requests`: too many logins are under way, from this address or at all.",
    example: ("too_many_requests", "There are too many logins under way. Try again in a minute."),
};

pub const LOGIN: &[Case] = &[
    TOO_MANY,
    Case {
        status: 400,
        description: "The request: `invalid_request` (with `errors`), `invalid_json`, `provider_missing`, \
                      `redirect_uri_not_allowed`, `origin_not_allowed`. Or the login itself: `invalid_code`, \
                      `code_already_used`, `access_denied` (the person said no), `callback_error` (the provider sent another \
                      error than that), `state_mismatch`, `state_expired`, \
                      `flow_mismatch` (another browser began it).",
        example: ("invalid_request", "The request has invalid fields."),
    },
    Case {
        status: 403,
        description: "`not_allowed` (a list of addresses or domains, or the provider's admission rule), \
                      `organization_not_allowed`, `provider_not_allowed` (the lists of organisations and providers), \
                      `sign_up_closed` (only known users), `sign_up_refused` (the operator's own software said no, `detail` \
                      has its words), `user_inactive`, `no_user` (the pipeline made none), `token_limit_exceeded` (a user \
                      may have no more knox tokens), `fresh_login_required` (the login of whoever links an account is too \
                      old, unless LINK_NEEDS_FRESH_LOGIN is off), or the code of a step of the operator's own. On the session routes also \
                      `csrf_failed`.",
        example: ("not_allowed", "This account is not among those that may sign in here."),
    },
];

/// Of what links an account.
pub const ACCOUNTS: &[Case] = &[Case {
    status: 409,
    description: "`account_in_use`: the provider's account signs another user in and is not moved. \
                      `account_exists`: a user with this e-mail exists; sign in as before, then link.",
    example: ("account_in_use", "This account already signs another user in, and is not moved."),
}];

/// Of what goes on with a login that waits.
pub const RESUME: &[Case] = &[
    Case {
        status: 400,
        description: "`invalid_request` (with `errors`: answers that will not do; the login still waits), `invalid_json`. \
                      `state_mismatch`: no login waits under this flow token. `state_expired`: it waited too long. \
                      `flow_mismatch`: it waits in another browser. `code_already_used`: it went on before.",
        example: ("invalid_request", "The request has invalid fields."),
    },
    Case {
        status: 401,
        description: "`not_authenticated`: the user whom it was to be linked to is gone.",
        example: ("not_authenticated", "The user who began this login is gone."),
    },
    UNKNOWN_PROVIDER,
    Case {
        status: 403,
        description: "As on the login routes: `not_allowed`, `organization_not_allowed`, `provider_not_allowed`, \
                      `sign_up_closed`, `sign_up_refused`, `user_inactive`, `no_user`, `token_limit_exceeded`, \
                      `fresh_login_required`, or the code of a step of the operator's own. And `csrf_failed`: the page is not of a listed origin.",
        example: ("not_allowed", "This account is not among those that may sign in here."),
    },
];

pub const BEGIN: &[Case] = &[
    TOO_MANY,
    Case {
        status: 400,
        description: "`invalid_request` (with `errors`), `invalid_json`, `redirect_uri_not_allowed`, `origin_not_allowed` \
                      (the redirect URI would be built from an Origin that is not listed).",
        example: (
            "redirect_uri_not_allowed",
            "This redirect_uri is not in ALLOWED_REDIRECT_URIS. It must be there to the letter.",
        ),
    },
    Case {
        status: 403,
        description: "`provider_not_allowed`: nobody signs in through this provider. `csrf_failed`: the call comes \
                      from a page of an origin that is not in ALLOWED_ORIGINS, or a session cookie came with neither \
                      `Origin` nor `Sec-Fetch-Site`, or a page embeds `authorize` instead of linking to it.",
        example: ("provider_not_allowed", "Nobody signs in through this provider here."),
    },
];

/// Of a provider's callback that comes to this server. Where the login was begun here by this browser, a refusal is told
/// at its landing instead.
pub const CALLBACK: &[Case] = &[
    Case {
        status: 400,
        description: "`state_mismatch`, `state_expired`, `flow_mismatch`: no login was begun here with this state by this \
                      browser; `invalid_json`, `invalid_request`. A browser gets a page.",
        example: ("state_mismatch", "No login was begun here with this state."),
    },
    Case {
        status: 403,
        description: "`provider_not_allowed`: nobody signs in through this provider.",
        example: ("provider_not_allowed", "Nobody signs in through this provider here."),
    },
];

/// Of the swap of an app's code.
pub const SWAP: &[Case] = &[Case {
    status: 400,
    description: "`invalid_code`: wrong, used or older than a minute. `flow_mismatch`: the verifier does not fit. \
                  `invalid_request` (with `errors`), `invalid_json`.",
    example: ("invalid_code", "This code is wrong, used or older than a minute."),
}];

/// Of the page that asks what a login waits for.
pub const ASKING: &[Case] = &[Case {
    status: 400,
    description: "`invalid_request`: no code came. `invalid_code`: it is wrong or too old, or its login never waited. \
                  `code_already_used`: the login went on. `state_mismatch`, `state_expired`: it waits no more. \
                  `flow_mismatch`: it waits in another browser.",
    example: ("invalid_code", "This code is wrong, used or older than a minute."),
}];

/// Of what is named by an id in the path.
pub const NAMED: &[Case] = &[Case {
    status: 404,
    description: "`not_found`: the user has nothing of this id.",
    example: ("not_found", "There is nothing of this id."),
}];

/// Of a provider's token.
pub const KEPT: &[Case] = &[
    Case {
        status: 404,
        description: "`not_found`: the user has no account of this id. `token_not_kept`: nothing is kept of it.",
        example: ("token_not_kept", "No token is kept of this account."),
    },
    Case {
        status: 409,
        description: "`token_ended`: it has ended and the provider does not renew it; sign in with the account again.",
        example: ("token_ended", "The token has ended and the provider does not renew it."),
    },
];

/// Of what a session cookie may do from listed pages only, and only a fresh login may do at all.
pub const FRESH: &[Case] = &[Case {
    status: 403,
    description: "`fresh_login_required`: the login that this credential comes from is older than FRESH_LOGIN_AGE; sign \
                  in again. `csrf_failed`: the call comes from a page of an origin that is not in ALLOWED_ORIGINS, or a \
                  session cookie came with neither `Origin` nor `Sec-Fetch-Site`.",
    example: ("fresh_login_required", "Your login is too old for this: sign in again, then repeat it."),
}];

/// Of what a user changes about themselves.
pub const CHANGE: &[Case] = &[Case {
    status: 400,
    description: "`invalid_request` (with `errors`): a field that may not be changed, a value that its type does not \
                  take, a username that somebody has; `invalid_json`.",
    example: ("invalid_request", "The request has invalid fields."),
}];

/// Of unlinking.
pub const UNLINK: &[Case] = &[Case {
    status: 409,
    description: "`last_login_method`: without this account nobody could sign in as this user any more.",
    example: ("last_login_method", "This is the last account that signs you in: link another one first."),
}];

/// Of the routes that take a JWT in the body.
pub const JWT: &[Case] = &[
    Case {
        status: 400,
        description: "`invalid_request` (with `errors`), `invalid_json`.",
        example: ("invalid_request", "The request has invalid fields."),
    },
    Case {
        status: 401,
        description: "`token_not_valid`: invalid, expired, of another type or blacklisted; `detail` says which. \
                      `invalid_token`: its user is inactive. `user_not_found`: its user was deleted.",
        example: ("token_not_valid", "Token is expired"),
    },
];

/// Of verify, where a blacklisted token is told apart.
pub const VERIFY: &[Case] = &[
    Case {
        status: 400,
        description: "`invalid_request` (with `errors`), `invalid_json`; `token_blacklisted` with \
                      SIMPLE_JWT_BLACKLIST_AFTER_ROTATION.",
        example: ("token_blacklisted", "Token is blacklisted"),
    },
    Case {
        status: 401,
        description: "`token_not_valid`: invalid or expired; `detail` says which. `invalid_token`: its user is inactive. \
                      `user_not_found`: its user was deleted.",
        example: ("token_not_valid", "Token is invalid"),
    },
];
