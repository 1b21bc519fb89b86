"""Frozen values that travel between the rooms: drafts, the reader's messages, and a typed payload per entry type."""
