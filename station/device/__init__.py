"""Recorders and their cards: what is plugged in, and what lies on it, read without ever mounting it."""
