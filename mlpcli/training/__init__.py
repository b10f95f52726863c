"""The loop, what it measures, and what it leaves on disk. No command line and no printing here."""
