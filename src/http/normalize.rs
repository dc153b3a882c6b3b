//! The API as a whole: what poem-openapi's macros leave to be desired is put right here, once, for the document, the
//! pages and the routes alike.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaPath, Registry};

/// Wraps a tuple of APIs, or nothing where only the document is wanted.
pub struct NormalizedSpec<T>(PhantomData<T>);

impl<T> NormalizedSpec<T> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: OpenApi> OpenApi for NormalizedSpec<T> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for mut path in T::meta().into_iter().flat_map(|api| api.paths) {
            // The macros drop trailing slashes.
            if path.path.starts_with("/api/") {
                path.path.push('/');
            }
            for operation in &mut path.operations {
                if operation.security.is_empty() {
                    operation.security.push(HashMap::new());
                }
            }
            // Two impl blocks that share a path would write its key twice.
            match paths.iter_mut().find(|known| known.path == path.path) {
                Some(known) => known.operations.extend(path.operations),
                None => paths.push(path),
            }
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}
