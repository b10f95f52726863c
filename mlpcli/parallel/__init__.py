"""Processes that share one training on one machine. Nothing here knows of networks."""
