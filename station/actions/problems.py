"""A refusal with a stable code, which pages put into words (group `problem`)."""

from station.errors import ConflictError


class ProblemError(ConflictError):
    """What was asked for is not possible as things stand; `code` says why, `message` says it in English for logs."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        """Build the refusal; the state is unchanged, since nothing was appended."""
        super().__init__(message, kept="Nothing was changed", hint=hint)
        self.code = code
