//! `rest-social-auth openapi --format json | generate > src/lib.rs`

use std::io::Read as _;

use progenitor::{GenerationSettings, Generator, InterfaceStyle};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut document = String::new();
    std::io::stdin().read_to_string(&mut document)?;
    let document: openapiv3::OpenAPI = serde_json::from_str(&document)?;
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Positional);
    let code = Generator::new(&settings).generate_tokens(&document)?;
    println!("// Generated from openapi.yaml by `make sdk`. Do not edit.\n");
    print!("{}", prettyplease::unparse(&syn::parse2(code)?));
    Ok(())
}
