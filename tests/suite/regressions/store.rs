//! Database faults, transactions and revocation.
