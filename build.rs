//! Makes the table of provider descriptors: `(id, text)` for every file in `src/provider/catalog/`.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/provider/catalog");
    // `sqlx::migrate!` does not notice a new file.
    println!("cargo::rerun-if-changed=migrations");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = Path::new(&root).join("src/provider/catalog");
    let mut ids: Vec<String> = fs::read_dir(&folder)
        .expect("the catalogue is part of the source")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    ids.sort();
    let rows: String = ids
        .iter()
        .map(|id| format!("    ({id:?}, include_str!({:?})),\n", folder.join(format!("{id}.toml"))))
        .collect();
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("catalog.rs");
    fs::write(out, format!("&[\n{rows}]\n")).expect("the build folder can be written");
}
