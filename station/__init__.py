"""The evidence station: takes in recordings from body-worn recorders and keeps them provably unaltered."""

__version__ = "0.1.0"
