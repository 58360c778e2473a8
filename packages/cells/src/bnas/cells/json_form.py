"""The JSON form of a specification: one object, its class named by the key ``kind``."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Literal, TypeVar, get_origin

import attrs
import cattrs
from cattrs.preconf.json import make_converter

from bnas.cells.errors import SpecError
from bnas.cells.genotype import Genotype

_Spec = TypeVar("_Spec")


def write_fields(spec: Any, kind: str, *, unsaid: Collection[str] = ()) -> str:
    """Return a specification as one JSON object.

    Args:
        spec: An instance of an attrs class.
        kind: What tells its class.
        unsaid: Fields to leave out, for they have their default.
    """
    data = _CONVERTER.unstructure(spec)
    return json.dumps(
        {"kind": kind, **{name: value for name, value in data.items() if name not in unsaid}}
    )


def read_fields(cls: type[_Spec], text: str, kind: str, *, required: Collection[str] = ()) -> _Spec:
    """Parse what `write_fields` wrote.

    Args:
        cls: The attrs class.
        text: JSON.
        kind: The kind that it must be of.
        required: Fields that have no default.

    Raises:
        SpecError: Not JSON, another kind, unknown or missing keys, or a value outside its range.
        GenotypeError: A genotype in it describes no valid cell.
    """
    data = read_object(text)
    found = data.pop("kind", None)
    if found != kind:
        raise SpecError(
            f'a network specification must be of `kind` "{kind}" (got {found!r})',
            field="kind",
            value=found,
        )
    for name in required:
        if name not in data:
            raise SpecError(f"a network specification must have a `{name}` (got none)", field=name)
    try:
        return _CONVERTER.structure(data, cls)
    except cattrs.ForbiddenExtraKeysError as error:
        unknown = sorted(error.extra_fields)
        allowed = [item.name for item in attrs.fields(cls)]  # type: ignore[arg-type]
        raise SpecError(
            f"unknown fields {unknown} in a network specification; allowed: {allowed}",
            field=unknown[0],
        ) from error


def read_object(text: str) -> dict[str, Any]:
    """Return a JSON object as a dict.

    Raises:
        SpecError: `text` is not JSON, or no object.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"a network specification must be JSON text ({error})") from error
    if not isinstance(data, dict):
        raise SpecError(
            f"a network specification must be a JSON object (got {type(data).__name__})"
        )
    return data


# Values pass unchanged (no "5" -> 5): the validators of the classes are the only judges of them.
_CONVERTER = make_converter(forbid_extra_keys=True, detailed_validation=False)
_CONVERTER.register_unstructure_hook(Genotype, lambda value: value.to_dict())
_CONVERTER.register_structure_hook(Genotype, lambda value, _: Genotype.from_dict(value))
_CONVERTER.register_structure_hook(int, lambda value, _: value)
_UNCHANGED: tuple[object, ...] = (Literal, tuple)
_CONVERTER.register_structure_hook_func(
    lambda kind: get_origin(kind) in _UNCHANGED, lambda value, _: value
)
