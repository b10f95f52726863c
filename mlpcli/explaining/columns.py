"""What is known of the columns of a table, and of a network that is trained already."""

from dataclasses import dataclass

from mlpcli.data.dataset import named_inputs
from mlpcli.data.normalization import Normalization
from mlpcli.inference.model import Model
from mlpcli.training.setup import Setup


@dataclass(frozen=True)
class TableColumns:
    """The names of a table's columns, and how they are normalised."""

    inputs: tuple[str, ...]
    has_names: bool
    """whether the names were given, and are not x1, x2 and so on"""
    outputs: tuple[str, ...]
    """of the classes, or of the columns of targets"""
    is_regression: bool
    normalization: Normalization
    target_normalization: Normalization

    @classmethod
    def of(cls, setup: Setup) -> "TableColumns | None":
        """Return those of a run; None if it learns from images."""
        table = setup.config.data.table
        if table is None:
            return None
        given = table.names.inputs
        return cls(
            inputs=named_inputs(given, setup.network.sizes[0]),
            has_names=given is not None,
            outputs=setup.training.class_names,
            is_regression=table.is_regression,
            normalization=setup.normalization,
            target_normalization=setup.target_normalization,
        )

    @classmethod
    def of_model(cls, model: Model) -> "TableColumns":
        """Return those of a trained network that learned from a table."""
        return cls(
            inputs=model.input_names,
            has_names=bool(model.given_input_names),
            outputs=model.output_names,
            is_regression=model.is_regression,
            normalization=model.normalization,
            target_normalization=model.target_normalization,
        )


@dataclass(frozen=True)
class TrainedNetwork:
    """What a sheet says of a trained network."""

    name: str
    """of its run"""
    epochs: int
    what: str
    """the example: `example 3`, or the inputs as they were given"""
    has_target: bool
    """whether there is something that the output should be, so that there is a way back"""
    is_folded: bool
    """whether its weights and biases include the batch normalisation that it was trained with"""
