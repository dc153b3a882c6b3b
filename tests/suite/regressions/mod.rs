//! Faults that were seen in this server, each with the right result. A test is named after the report it comes from:
//! `fault_a1_...` is row A1. Where a row touches the store, the test runs on both databases.

mod authorization_requests;
mod cached_documents;
mod capacity;
mod database_faults;
mod http_boundary;
mod id_tokens;
mod identity;
mod input;
mod large_lists;
mod linking;
mod maintenance;
mod operation;
mod profiles;
mod store;
