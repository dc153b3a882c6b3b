//! Provider answers: profiles, ids, names, lifetimes and error replies.
