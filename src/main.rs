//! The binary: hands the command line to [`rest_social_auth::cli`].

/// A login makes some hundred small allocations, on which glibc spends a tenth of its time. Without huge pages, which would
/// cost a third more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rest_social_auth::cli::main()
}
