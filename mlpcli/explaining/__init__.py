"""Explains what a network computes: a step traced, its graph, an image, a gradient check."""
