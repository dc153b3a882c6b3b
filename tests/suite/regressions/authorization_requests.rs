//! Authorization requests, codes and claims: what is bound to which browser, and what is used once.
