"""The documents of `mlpcli explain`, and how they are written."""
