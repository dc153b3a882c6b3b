//! The suite: one file a promise, each test named after what it promises. Rules of the original begin with `r_`,
//! security requirements with `sec_`.
//!
//! `make test` runs it whole. By hand: `tests/postgres.sh cargo nextest run` starts the test cluster around it.

mod support;

mod architecture;
mod begin;
