//! The exchange of a one-time code, for native apps in the redirect flow.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::{IntoResponse as _, Request};
use poem_openapi::OpenApi;

use crate::http::openapi::inputs::SwapInput;
use crate::http::openapi::login_result::LoginResult;
use crate::http::openapi::{Refused, Tag, answers, error_list};
use crate::http::pages::translated;
use crate::http::protocol::{App, Failure, RawBody};
use crate::login::ExchangedCode;

pub struct Swap {
    pub app: Arc<App>,
}

error_list! {
    SwapErrors: ANY, BODY, ADDRESS_RATE_LIMITED, SWAP;
}

#[OpenApi(prefix_path = "/api/login/social", tag = Tag::ServerRedirect)]
impl Swap {
    /// Exchange a one-time code
    ///
    /// Returns the answer of the login once, with its `kind`. A pending login is 403 `additional_input_required`. An app that
    /// sent a `code_challenge` must send its verifier; a wrong verifier uses up the code.
    #[oai(path = "/swap", method = "post", operation_id = "swapLoginCode")]
    async fn swap(
        &self,
        request: &Request,
        body: RawBody<SwapInput>,
    ) -> Result<answers::Login<LoginResult>, Refused<SwapErrors>> {
        let fields = body.fields().await?;
        let mut errors = Vec::new();
        let code = fields.required("code", &mut errors);
        let verifier = fields.optional("code_verifier", &mut errors).filter(|verifier| !verifier.is_empty());
        let code = code.filter(|_| errors.is_empty()).ok_or_else(|| Failure::fields(errors))?;
        let exchanged = self.app.login.exchange_code(&code, verifier.as_deref()).await;
        let response = match exchanged.map_err(|error| self.app.login_failure(error))? {
            ExchangedCode::SignedIn { kind, answer } => LoginResult::response(kind, *answer),
            ExchangedCode::PendingLogin(pending_login) => {
                translated(Failure::additional_input_required(pending_login), request).into_response()
            }
        };
        Ok(answers::Login { response, body: PhantomData })
    }
}
