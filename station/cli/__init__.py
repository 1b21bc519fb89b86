"""The command line `station`: scripts depend on its words, its JSON and its exit codes.

Guarantees: with `--json` one JSON document goes to stdout and nothing else; messages for people go to stderr in the
language of LANG; an error says what happened, what was kept and what to do next, and ends with its class's exit code.
"""

from station.cli.main import main

__all__ = ["main"]
