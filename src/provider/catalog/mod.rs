//! The descriptors that are part of the program, one file each in `catalog/`. An operator's descriptor can extend them.
//!
//! A file is parsed only when a configured provider needs it. A descriptor with `extends` is merged with its parent here: tables
//! are merged key by key, and every other value replaces that of the parent.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::descriptor::Descriptor;
use crate::settings::meant_provider;

/// `(id, text)`, by id.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Maximum length of a chain of `extends`.
const MAX_DEPTH: usize = 8;

/// An entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The name of its file.
    pub id: &'static str,
    /// The name of the provider in URLs and rows. Several entries may have the same name.
    pub name: &'static str,
    /// Used only where `SOCIAL_AUTH_<NAME>_VARIANT` is its ID.
    pub variant_only: bool,
    /// Whether the service was closed.
    pub is_gone: bool,
}

/// All entries, by ID.
pub fn catalog_entries() -> impl Iterator<Item = CatalogEntry> {
    FILES.iter().map(|(id, text)| CatalogEntry {
        id,
        name: head(text, "name").unwrap_or(id),
        variant_only: head(text, "variant_only") == Some("true"),
        is_gone: head(text, "service").is_some_and(|service| service.starts_with("gone")),
    })
}

/// The names of all entries, sorted.
pub fn catalog_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = catalog_entries().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// An entry by name and variant, with its descriptor.
///
/// Errors: there is none.
pub fn catalog_entry(name: &str, variant: Option<&str>) -> Result<(CatalogEntry, Descriptor), String> {
    let entry = entry_of(name, variant)?.ok_or_else(|| format!("there is no provider `{name}`{}", nearest(name)))?;
    let descriptor = read(Some(entry.id), &toml::Table::new())?;
    Ok((entry, descriptor))
}

/// A field above all tables, read without parsing the file.
fn head(text: &'static str, field: &str) -> Option<&'static str> {
    text.lines()
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix(field)?.trim_start().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"'))
}

/// The entry of a provider name: the default one, or the one with the ID `variant`.
///
/// Errors: the catalogue has the name, or the variant, not at all.
pub fn entry_of(name: &str, variant: Option<&str>) -> Result<Option<CatalogEntry>, String> {
    let mut named = catalog_entries().filter(|entry| entry.name == name);
    let Some(variant) = variant else { return Ok(named.find(|entry| !entry.variant_only)) };
    let ids: Vec<&str> = named.map(|entry| entry.id).collect();
    match catalog_entries().find(|entry| entry.id == variant && entry.name == name) {
        Some(entry) => Ok(Some(entry)),
        None if ids.is_empty() => Err("the catalogue has no provider of this name".to_owned()),
        None => Err(format!("must be one of {}", ids.join(", "))),
    }
}

/// The descriptor of an entry, with the fields of the operator's table `own` merged into it. `id` is `None` for a descriptor that
/// is not in the catalogue.
///
/// Errors: the first problem, with the name of the field.
pub fn read(id: Option<&str>, own: &Table) -> Result<Descriptor, String> {
    let mut own = own.clone();
    let parent = match own.remove("extends") {
        Some(Value::String(parent)) => Some(parent),
        Some(_) => return Err("extends: must be the ID of a provider".to_owned()),
        None => id.map(str::to_owned),
    };
    let table = match parent {
        Some(parent) => merge(file(&parent, MAX_DEPTH)?, own),
        None => own,
    };
    Descriptor::deserialize(table).map_err(|error| single_line(&error.to_string()))
}

/// As [`read`], with all problems in `own` (the first one of each field) and the descriptor without those fields. `None`: there
/// is no descriptor, for example because `extends` is unknown.
pub fn read_with_problems(id: Option<&str>, own: &Table) -> (Option<Descriptor>, Vec<String>) {
    let (mut remaining, mut problems) = (own.clone(), Vec::new());
    loop {
        let problem = match read(id, &remaining) {
            Ok(descriptor) => return (Some(descriptor), problems),
            Err(problem) => problem,
        };
        // Find the field that causes the problem: without it the problem differs or is gone.
        let without = |(name, member): &(String, Option<String>)| {
            let mut without = remaining.clone();
            match (member, without.get_mut(name)) {
                (Some(member), Some(Value::Table(table))) => table.remove(member),
                _ => without.remove(name),
            };
            without
        };
        let rest =
            field_paths(&remaining).iter().map(without).find(|rest| read(id, rest).err().as_ref() != Some(&problem));
        problems.push(problem);
        match rest {
            Some(rest) => remaining = rest,
            None => return (None, problems),
        }
    }
}

/// The names of all fields, and of the members of tables.
fn field_paths(table: &Table) -> Vec<(String, Option<String>)> {
    let own = table.iter().filter(|(name, _)| *name != "extends");
    own.flat_map(|(name, value)| {
        let members = value.as_table().into_iter().flatten().map(|(member, _)| (name.clone(), Some(member.clone())));
        members.chain([(name.clone(), None)]).collect::<Vec<_>>()
    })
    .collect()
}

fn file(id: &str, depth: usize) -> Result<Table, String> {
    let text = FILES.iter().find(|(file, _)| *file == id).map(|(_, text)| *text);
    let text = text.ok_or_else(|| format!("extends: there is no provider `{id}`{}", nearest(id)))?;
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| format!("{id}.toml: {}", error.message()))?;
    table.remove("name");
    table.remove("variant_only");
    match table.remove("extends") {
        None => Ok(table),
        Some(Value::String(parent)) if depth > 0 => Ok(merge(file(&parent, depth - 1)?, table)),
        Some(_) => Err(format!("{id}.toml: the chain of extends is too long or invalid")),
    }
}

fn merge(mut parent: Table, child: Table) -> Table {
    for (name, value) in child {
        match (parent.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => old.extend(new),
            (_, value) => {
                parent.insert(name, value);
            }
        }
    }
    parent
}

/// A suggestion ("; did you mean …?"), or an empty text.
pub fn nearest(id: &str) -> String {
    let ids = FILES.iter().map(|(id, _)| *id);
    meant_provider(id, ids).map(|id| format!("; did you mean `{id}`?")).unwrap_or_default()
}

/// The message and its position in one line.
fn single_line(error: &str) -> String {
    error.split_whitespace().collect::<Vec<_>>().join(" ")
}
