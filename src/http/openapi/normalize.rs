//! Corrects what poem-openapi's macros generate, for the document and for the routes.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaPath, Registry};

/// The corrected description of a tuple of APIs. It has no routes.
pub struct NormalizedSpec<T>(PhantomData<T>);

impl<T> NormalizedSpec<T> {
    /// A description without instances of the APIs.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: OpenApi> OpenApi for NormalizedSpec<T> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for mut path in T::meta().into_iter().flat_map(|api| api.paths) {
            // The macros remove trailing slashes.
            if path.path.starts_with("/api/") {
                path.path.push('/');
            }
            for operation in &mut path.operations {
                // An empty alternative: no credential is required.
                if operation.security.is_empty() {
                    operation.security.push(HashMap::new());
                }
            }
            // Without this, two `impl` blocks with the same path write its key twice.
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
