"""Distorted versions of the training images, another one each epoch."""

from mlpcli.data.augmentation.augmenter import Augmenter

__all__ = ["Augmenter"]
