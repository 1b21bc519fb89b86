"""Local state: secrets, sessions, what was shown, work progress. None of it is evidence and none of it is an entry."""
