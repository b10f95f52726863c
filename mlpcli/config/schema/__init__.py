"""The run's settings: what they may be, and how they are read."""
