//! The descriptors that come with the program, one file each in `catalog/`, and what an operator's own may build on.
//!
//! A file is read only when a configured provider asks for it. `extends` is followed here: tables are laid over the
//! parent's key by key, anything below that (a list, a set of parameters) replaces the parent's whole.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::descriptor::Descriptor;

/// `(id, text)`, by id.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Longest chain of `extends`.
const DEPTH: usize = 8;

/// An entry of the catalogue, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    pub id: &'static str,
    /// The provider's name in URLs and rows. Several entries may share one.
    pub name: &'static str,
    /// Only `SOCIAL_AUTH_<NAME>_VARIANT` picks it.
    pub variant_only: bool,
}

/// All entries, by id.
pub fn catalog_entries() -> impl Iterator<Item = CatalogEntry> {
    FILES.iter().map(|(id, text)| CatalogEntry {
        id,
        name: head(text, "name").unwrap_or(id),
        variant_only: head(text, "variant_only") == Some("true"),
    })
}

/// Names of the catalogue, for the settings' reader (longest name that fits) and for `providers list`.
pub fn catalog_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = catalog_entries().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// An entry by name and variant, with its descriptor.
pub fn catalog_entry(name: &str, variant: Option<&str>) -> Result<(CatalogEntry, Descriptor), String> {
    let entry = entry_of(name, variant)?.ok_or_else(|| format!("no provider is called {name}{}", nearest(name)))?;
    let descriptor = read(Some(entry.id), &toml::Table::new())?;
    Ok((entry, descriptor))
}

/// A field that stands above the tables, without reading the whole file.
fn head(text: &'static str, field: &str) -> Option<&'static str> {
    text.lines()
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix(field)?.trim_start().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"'))
}

/// The entry that a provider's name stands for, or the one of that id.
pub fn entry_of(name: &str, variant: Option<&str>) -> Result<Option<CatalogEntry>, String> {
    let mut named = catalog_entries().filter(|entry| entry.name == name);
    let Some(variant) = variant else { return Ok(named.find(|entry| !entry.variant_only)) };
    let ids: Vec<&str> = named.map(|entry| entry.id).collect();
    match catalog_entries().find(|entry| entry.id == variant && entry.name == name) {
        Some(entry) => Ok(Some(entry)),
        None if ids.is_empty() => Err("the catalogue has no provider of this name".to_owned()),
        None => Err(format!("`{variant}` is none of {}", ids.join(", "))),
    }
}

/// The descriptor of an entry (`None`: one that stands in `own` alone) with the operator's fields over it.
pub fn read(id: Option<&str>, own: &Table) -> Result<Descriptor, String> {
    let mut own = own.clone();
    let parent = match own.remove("extends") {
        Some(Value::String(parent)) => Some(parent),
        Some(_) => return Err("extends: must be the id of a provider".to_owned()),
        None => id.map(str::to_owned),
    };
    let table = match parent {
        Some(parent) => laid_over(file(&parent, DEPTH)?, own),
        None => own,
    };
    Descriptor::deserialize(table).map_err(|error| tidy(&error.to_string()))
}

/// The same with every mistake in `own` (the first one of each field), and the descriptor that its other fields make.
/// `None`: there is none, such as without a known `extends`.
pub fn read_with_mistakes(id: Option<&str>, own: &Table) -> (Option<Descriptor>, Vec<String>) {
    let (mut left, mut mistakes) = (own.clone(), Vec::new());
    loop {
        let problem = match read(id, &left) {
            Ok(descriptor) => return (Some(descriptor), mistakes),
            Err(problem) => problem,
        };
        // The field without which the problem is another one, or none.
        let without = |(name, member): &(String, Option<String>)| {
            let mut without = left.clone();
            match (member, without.get_mut(name)) {
                (Some(member), Some(Value::Table(table))) => table.remove(member),
                _ => without.remove(name),
            };
            without
        };
        let rest = places(&left).iter().map(without).find(|rest| read(id, rest).err().as_ref() != Some(&problem));
        mistakes.push(problem);
        match rest {
            Some(rest) => left = rest,
            None => return (None, mistakes),
        }
    }
}

/// Names of the fields and, of a table, of its members.
fn places(table: &Table) -> Vec<(String, Option<String>)> {
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
        Some(Value::String(parent)) if depth > 0 => Ok(laid_over(file(&parent, depth - 1)?, table)),
        Some(_) => Err(format!("{id}.toml: extends does not lead to a descriptor")),
    }
}

fn laid_over(mut below: Table, above: Table) -> Table {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => under.extend(over),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
    below
}

/// "; did you mean …?", or nothing.
pub fn nearest(id: &str) -> String {
    let best = catalog_entries()
        .map(|entry| (strsim::jaro_winkler(id, entry.id), entry.id))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(score, _)| *score > 0.8).map(|(_, id)| format!("; did you mean `{id}`?")).unwrap_or_default()
}

/// One line: the message, and where.
fn tidy(error: &str) -> String {
    error.split_whitespace().collect::<Vec<_>>().join(" ")
}
