//! The page at `/` in `serve`: whose server this is. In `dev`, the demo is there ([`super::dev_pages`]).

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::{Method, StatusCode};
use poem::{EndpointExt as _, Request, Route};

use crate::http::{App, Language, Resource};

pub fn mount(route: Route, app: &Arc<App>) -> Route {
    let app = app.clone();
    let start = make_sync(move |request: Request| {
        let page = app.pages.start(Language::of(&request));
        app.pages.response(StatusCode::OK, page)
    });
    route.at("/", Resource::page("/".to_owned(), [(Method::GET, start.boxed())].into()))
}
