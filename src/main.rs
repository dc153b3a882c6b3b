//! The binary: hands the command line to [`rest_social_auth::cli`].

fn main() -> std::process::ExitCode {
    rest_social_auth::cli::main()
}
