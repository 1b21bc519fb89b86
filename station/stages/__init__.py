"""The steps that the pipeline chains; each takes what the one before it made and hands on what it made."""
