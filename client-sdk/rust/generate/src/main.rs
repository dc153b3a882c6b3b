//! `rest-social-auth openapi --format json | generate > src/lib.rs`

use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut document: Value = serde_json::from_reader(std::io::stdin())?;
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        remove_redirects(&mut operation["responses"]);
        name_problems(&mut operation["responses"]);
    }
    name_problems(&mut document["components"]["responses"]);

    let document: openapiv3::OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Positional);
    let code = Generator::new(&settings).generate_tokens(&document)?;
    println!("// Generated from openapi.yaml by `make sdk`. Do not edit.\n");
    print!("{}", prettyplease::unparse(&syn::parse2(code)?));
    Ok(())
}

/// progenitor takes 303 and 304 for errors, and allows one type of error for each operation.
fn remove_redirects(responses: &mut Value) {
    if let Some(responses) = responses.as_object_mut() {
        responses.retain(|status, _| !status.starts_with('3'));
    }
}

/// progenitor gives a type to `application/json` alone.
fn name_problems(responses: &mut Value) {
    for response in responses.as_object_mut().into_iter().flat_map(|responses| responses.values_mut()) {
        if let Some(content) = response.get_mut("content").and_then(Value::as_object_mut)
            && let Some(problem) = content.remove("application/problem+json")
        {
            content.insert("application/json".to_owned(), problem);
        }
    }
}
