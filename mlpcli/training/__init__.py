"""The training loop and what it needs. Opens no file, prints nothing."""
