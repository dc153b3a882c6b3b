//! Faults found in this server, each with the correct behaviour. A name begins with the id of the fault report:
//! `fault_a1_...` is fault A1. A test that uses the store runs on both databases.

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
mod readiness_probe;
mod store;
