"""Confinement of whatever parses hostile data: our own reader in its process, ffmpeg and exiftool in theirs.

`confinement` shuts the current process in for good; `program` runs a foreign program shut in the same way;
`landlock` and `system_calls` are the two kernel interfaces Python has no module for.
"""
