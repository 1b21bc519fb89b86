"""Numbers as people type them: `冀石执罚〔2026〕第12号` and `冀石执罚[2026]12` are one case.

Guarantee: folding is idempotent and the same for what is stored and for what is searched, so equal numbers are found
whatever brackets, widths, dashes or case were used. Pure.
"""

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\0()\[\]{}<>〈〉《》「」『』【】〔〕〖〗〘〙〚〛_/\\|.,:;#、。·‐‑‒–—―−~-]+")  # noqa: RUF001
_ORDINAL = re.compile(r"第(?=-?\d)")
_CLOSING = re.compile(r"[-号號]+$")


def fold_number(text: str) -> str:
    """Return the form numbers are compared in: compatible width, lower case, one `-` for any run of brackets or dashes.

    第 before digits and 号 at the end say nothing and go. An empty result means there was nothing to compare.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    parted = _SEPARATORS.sub("-", _ORDINAL.sub("-", _SEPARATORS.sub("-", plain)))
    return _CLOSING.sub("", parted).lstrip("-")
