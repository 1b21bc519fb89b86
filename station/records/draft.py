"""The form in which everything above hands an entry to the ledger: a type, what it is about, and its parts.

Guarantee: a draft holds only what RFC 8785 can write the same way everywhere: no floats, no datetimes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One entry on its way into the ledger.

    `type` is dotted lower case (`clip.bound`); `subjects` are `kind:id` strings in a fixed order without
    repeats; `parts` maps a part's name (`fact`, `actor`, `names`, …) to its JSON value, before salting.
    """

    type: str
    subjects: tuple[str, ...]
    parts: Mapping[str, Json] = field(default_factory=dict)
