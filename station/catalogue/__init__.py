"""The SQL catalogue: a projection of the ledger and nothing else; dropped and rebuilt from it at will."""
