//! Whose account it is: stable ids, linking, tenants and issuers.
