"""Distortions of the training images, different in each epoch."""

from mlpcli.data.augmentation.augmenter import Augmenter

__all__ = ["Augmenter"]
