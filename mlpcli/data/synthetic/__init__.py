"""Handwritten-looking digits that the project draws itself: a dataset without a download."""

from mlpcli.data.synthetic.digits import draw

__all__ = ["draw"]
