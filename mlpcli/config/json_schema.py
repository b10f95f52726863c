"""The JSON Schema of a config."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mlpcli.config.schema.config import Config
from mlpcli.config.schema.sweep import SweepConfig

SchemaNode = Mapping[str, Any]


@lru_cache(maxsize=1)
def config_schema() -> SchemaNode:
    """Return pydantic's schema, which callers share and must not change."""
    return Config.model_json_schema()


@lru_cache(maxsize=1)
def sweep_schema() -> SchemaNode:
    """Return the schema of a sweep file, as `config_schema` does."""
    return SweepConfig.model_json_schema()


def json_schema(*, of_sweeps: bool = False) -> dict[str, Any]:
    """Return the schema with which editors complete and check YAML."""
    schema = sweep_schema() if of_sweeps else config_schema()
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **copy.deepcopy(schema)}
