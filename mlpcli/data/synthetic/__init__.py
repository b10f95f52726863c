"""Synthetic handwritten digits: a dataset that needs no download."""

from mlpcli.data.synthetic.digits import draw, draw_signs

__all__ = ["draw", "draw_signs"]
