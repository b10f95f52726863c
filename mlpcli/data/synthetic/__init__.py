"""Synthetic handwritten digits: a dataset that needs no download."""

from mlpcli.data.synthetic.digits import draw

__all__ = ["draw"]
