"""The JSON Schema of a config."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mlpcli.config.schema.config import Config

SchemaNode = Mapping[str, Any]


@lru_cache(maxsize=1)
def config_schema() -> SchemaNode:
    """Return the schema as pydantic makes it; callers share it and must not change it."""
    return Config.model_json_schema()


def json_schema() -> dict[str, Any]:
    """Return the schema for editors, which complete and check YAML by it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **copy.deepcopy(config_schema()),
    }
