//! The binary of [`rest_social_auth::cli`].

/// A login makes several hundred small allocations, which take a tenth of its time with the allocator of glibc. Huge pages are
/// off, because they need a third more memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rest_social_auth::cli::main()
}
