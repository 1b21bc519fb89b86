"""The vault: originals under their digests, written once, read back, scrubbed."""
