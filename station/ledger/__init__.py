"""The signed, append-only ledger: formats (FORMAT.md), tables, the signer, proofs, and an audit that stands alone."""
