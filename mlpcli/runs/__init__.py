"""A run from its beginning to its end: record, resume, interrupt, summarize."""
