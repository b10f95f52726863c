"""What a run leaves on disk, written and read: checkpoints, the run folder, its records."""
