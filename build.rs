//! Makes the tables of provider descriptors, set-up guides, samples and migrations: `(name, text)` for every file in
//! `src/provider/catalog/`, `src/provider/guides/`, `src/provider/samples/` and the folders of `migrations/`. Compresses the
//! assets of Swagger UI.

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

/// The folder in the archive, with the version in Cargo.toml.
const SWAGGER_UI: &str = "swagger-ui-5.17.14";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for folder in ["src/provider/catalog", "src/provider/guides", "src/provider/samples"] {
        write_table(folder, ".toml");
    }
    for folder in ["migrations/sqlite", "migrations/postgres"] {
        write_table(folder, ".sql");
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).expect("the package is a ZIP archive");
    for name in ["swagger-ui.css", "swagger-ui-bundle.js"] {
        write_compressed(&mut archive, name);
    }
}

fn out_file(name: &str) -> PathBuf {
    Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join(name)
}

/// Writes the file `<name>.gz` of the build: an asset that a page contains in an element.
fn write_compressed(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) {
    let mut text = String::new();
    let mut asset = archive.by_name(&format!("{SWAGGER_UI}/dist/{name}")).expect("the archive has the asset");
    asset.read_to_string(&mut text).expect("the asset is text");
    assert!(!text.contains("</style") && !text.contains("</script"), "{name} would end its element");
    // Browsers normalize line ends to LF before they compute a digest.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let file = fs::File::create(out_file(&format!("{name}.gz"))).expect("the build folder can be written");
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(text.as_bytes()).expect("the build folder can be written");
    encoder.finish().expect("the build folder can be written");
}

/// Writes the file `<last part of the folder>.rs` of the build: a slice of `(name without ending, text)`, by name.
fn write_table(folder: &str, ending: &str) {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let source = Path::new(&root).join(folder);
    println!("cargo::rerun-if-changed={folder}");
    let mut names: Vec<String> = fs::read_dir(&source)
        .expect("the folder is part of the source")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(ending).map(str::to_owned))
        .collect();
    names.sort();
    let rows: String = names
        .iter()
        .map(|name| format!("    ({name:?}, include_str!({:?})),\n", source.join(format!("{name}{ending}"))))
        .collect();
    let file = source.file_name().and_then(|name| name.to_str()).expect("the folder has a name");
    fs::write(out_file(&format!("{file}.rs")), format!("&[\n{rows}]\n")).expect("the build folder can be written");
}
