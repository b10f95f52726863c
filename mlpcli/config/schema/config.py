"""A whole config: every setting with its type, its range, its default and the reason.

The loader, the messages about a wrong config and the JSON Schema all follow from these classes. A
new optimizer, initializer, loss or schedule is a class in its module, named in the union below it.
"""

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from mlpcli.config.schema.conflicts import conflicts
from mlpcli.config.schema.data import DataConfig
from mlpcli.config.schema.losses import CrossEntropyConfig, LossConfig
from mlpcli.config.schema.network import NetworkConfig
from mlpcli.config.schema.optimizers import MomentumConfig, OptimizerConfig
from mlpcli.config.schema.schedules import ConstantConfig, ScheduleConfig
from mlpcli.config.schema.section import Section, wrong
from mlpcli.config.schema.training import TrainingConfig

_WINDOWS_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def is_run_name(name: str) -> bool:
    """Return whether `name` is a valid folder name on every system and needs no quoting."""
    return (
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name) is not None
        and not name.endswith(".")
        and not _WINDOWS_RESERVED.fullmatch(name)
    )


def _check_run_name(name: str) -> str:
    if not is_run_name(name):
        raise wrong(
            "at most 100 letters, digits, '.', '_' or '-', beginning with a letter, digit or '_',"
            " not ending in '.', and no name that Windows reserves"
        )
    return name


RunName = Annotated[str, AfterValidator(_check_run_name)]


class Config(Section):
    """A whole run."""

    name: RunName | None = Field(
        default=None,
        description="Name of the run's folder: letters, digits, '.', '_' and '-'. null: that of"
        " the config file.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=2**63 - 1,
        description="All randomness follows from it: first weights, validation part, batches.",
    )
    dtype: Literal["float32", "float64"] = Field(
        default="float32",
        description="Floating-point type; float32 is twice as fast, float64 is for checking.",
    )
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = Field(
        default=CrossEntropyConfig(),
        description="What training minimizes; cross_entropy suits classes and learns faster.",
    )
    optimizer: OptimizerConfig = Field(
        default=MomentumConfig(),
        description="How a gradient becomes a step; momentum is fast at little cost.",
    )
    schedule: ScheduleConfig = Field(
        default=ConstantConfig(),
        description="How the learning rate changes over the epochs; constant is easy to follow.",
    )
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        sections = (self.data, self.network, self.loss, self.optimizer, self.schedule)
        found = list(conflicts(*sections, self.training))
        if found:
            text = "; ".join(f"{key}: {message}" for key, _, message in found)
            context = {"text": text, "conflicts": found}
            raise PydanticCustomError("conflicts", "{text}", context)
        return self


def settings_of_kind(section: tuple[str | int, ...], kind: str | None) -> dict[str, Any]:
    """Return the settings of a kind of a named section, with their defaults.

    None is the default kind. An unknown kind has no settings.
    """
    model: type[BaseModel] = Config
    for key in section[:-1]:
        model = model.model_fields[str(key)].annotation  # type: ignore[assignment]
    field = model.model_fields[str(section[-1])]
    wanted = field.get_default().name if kind is None else kind
    for option in get_args(field.annotation) or (field.annotation,):
        if wanted in get_args(option.model_fields["name"].annotation):
            return {key: setting.default for key, setting in option.model_fields.items()}
    return {}
