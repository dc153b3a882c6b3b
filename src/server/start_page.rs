//! The page at `/` in `serve`: whose server this is. In `dev`, the demo is there ([`super::dev_pages`]).

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::{Request, Route};

use crate::http::{App, Language, Resource};

pub fn mount(route: Route, app: &Arc<App>) -> Route {
    let app = app.clone();
    let start = make_sync(move |request: Request| {
        let page = app.pages.start(Language::of(&request));
        app.pages.response(StatusCode::OK, page)
    });
    Resource::mount_page(route, "/", start)
}
