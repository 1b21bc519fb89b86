"""The vault: originals under their digests, written once, read back, and removed when that was decided."""
