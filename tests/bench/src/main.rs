//! `bench provider|baseline|load`: the parts of `make bench` that must cost little. `run.py` starts them.

mod baseline;
mod client;
mod load;
mod process;
mod provider;

use std::collections::HashMap;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// `--name value` pairs.
struct Options(HashMap<String, String>);

impl Options {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("--{name} needs a number"))
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let mut options = HashMap::new();
    while let Some(name) = arguments.next() {
        options.insert(name.trim_start_matches("--").to_owned(), arguments.next().unwrap_or_default());
    }
    let options = Options(options);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command.as_str() {
        "provider" => runtime.block_on(provider::serve(options.number("port"))),
        "baseline" => runtime.block_on(baseline::serve(&options)),
        "load" => runtime.block_on(load::run(&options)),
        _ => Err("usage: bench provider|baseline|load --name value ...".into()),
    }
}
