"""The schema of a config: each setting with its type, range, default and reason."""
