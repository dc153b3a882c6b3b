//! The table of providers in `docs/PROVIDERS.md` is generated from the catalog. `UPDATE_DOCS=1 cargo nextest run provider_table`
//! writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rest_social_auth::provider;

const BEGIN: &str = "<!-- providers -->\n";
const END: &str = "<!-- /providers -->";

#[test]
fn provider_table_in_the_manual_matches_the_catalog() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROVIDERS.md");
    let document = fs::read_to_string(&path).expect("docs/PROVIDERS.md");
    let (before, rest) = document.split_once(BEGIN).expect("the start marker of the table");
    let (written, after) = rest.split_once(END).expect("the end marker of the table");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("docs/PROVIDERS.md can be written");
        return;
    }
    let differs = table.lines().zip(written.lines()).find(|(expected, found)| expected != found);
    assert!(
        table == written,
        "docs/PROVIDERS.md differs from the catalog; run with UPDATE_DOCS=1. First different line: {differs:?}"
    );
}

fn table() -> String {
    let mut table = String::from(
        "| name | title | protocol | default scopes | PKCE | e-mail is verified when | needs | service |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for entry in provider::catalog_entries() {
        let (_, facts) = provider::catalog_entry(entry.name, Some(entry.id)).expect("an entry can be read");
        let name = if entry.variant_only {
            format!("{}, VARIANT {}", entry.name, entry.id)
        } else if entry.name == entry.id {
            entry.name.to_owned()
        } else {
            format!("{} ({})", entry.name, entry.id)
        };
        let verified = facts.user.email_verified.as_ref().map(|rule| rule.source()).filter(|rule| *rule != "false");
        let cells = [
            name,
            facts.title,
            facts.protocol.to_string(),
            facts.scope.default.join(" "),
            if facts.authorization.pkce { "S256" } else { "" }.to_owned(),
            verified.map(|rule| format!("`{}`", rule.replace('|', "\\|"))).unwrap_or_default(),
            facts.settings.required.join(" "),
            facts.service.unwrap_or_default(),
        ];
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    table
}
