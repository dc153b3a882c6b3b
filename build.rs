//! Makes the tables of provider descriptors, set-up guides and samples: `(id, text)` for every file in `src/provider/catalog/`,
//! `src/provider/guides/` and `src/provider/samples/`.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // `sqlx::migrate!` does not notice a new file.
    println!("cargo::rerun-if-changed=migrations");
    for folder in ["catalog", "guides", "samples"] {
        write_table(folder);
    }
}

/// Writes the file `<folder>.rs` of the build: a slice of `(id, text)`, by id.
fn write_table(folder: &str) {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let source = Path::new(&root).join("src/provider").join(folder);
    println!("cargo::rerun-if-changed=src/provider/{folder}");
    let mut ids: Vec<String> = fs::read_dir(&source)
        .expect("the folder is part of the source")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    ids.sort();
    let rows: String = ids
        .iter()
        .map(|id| format!("    ({id:?}, include_str!({:?})),\n", source.join(format!("{id}.toml"))))
        .collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join(format!("{folder}.rs"));
    fs::write(out, format!("&[\n{rows}]\n")).expect("the build folder can be written");
}
