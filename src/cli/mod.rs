//! (being built)
pub fn main() -> std::process::ExitCode {
    todo!()
}
