"""Taking recordings in: what to copy, the talk with the confined reader, and the checks before anything is sealed."""
