"""Judging the two verifiers of a court package: nothing damaged is ever called sound, and the damaged file is named."""
