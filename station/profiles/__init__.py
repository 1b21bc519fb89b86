"""Firmware profiles: what is known of a family of recorders, as data that only selects behaviour existing in code."""
