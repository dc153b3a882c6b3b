//! ID tokens, key sets and discovery documents.
