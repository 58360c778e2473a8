"""What a checkpoint of a run must hold; whatever is wrong with it is a `CheckpointError`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self, TypeVar

import attrs
import torch
from torch import Tensor

from bnas.search.errors import CheckpointError
from bnas.search.recipe_fields import is_number

STATE = frozenset(
    {"identity", "model", "optimizer", "average", "history", "epoch", "step", "tally"}
)
#: What the optimizers of `bnas.search.optimizer` keep for a parameter.
_SLOTS = (frozenset({"step", "exp_avg", "exp_avg_sq"}), frozenset({"momentum_buffer"}))


def check_keys(path: Path, state: dict[str, Any], wanted: frozenset[str] = STATE) -> None:
    """Refuse the checkpoint of something else than a run, for instance a final one.

    Args:
        path: The checkpoint, for the message.
        state: What it holds.
        wanted: What it must hold; by default what a training does.

    Raises:
        CheckpointError: A key is missing.
    """
    missing = sorted(wanted - state.keys())
    if missing:
        raise CheckpointError(f"{path} must hold {sorted(wanted)} (missing {missing})", path)


def check_position(path: Path, state: dict[str, Any], epochs: int, steps_per_epoch: int) -> None:
    """Refuse an epoch or a step that the run does not have.

    Args:
        path: The checkpoint, for the message.
        state: What it holds.
        epochs: Of the run.
        steps_per_epoch: Of the run.

    Raises:
        CheckpointError: One of them is no integer or outside the run.
    """
    for name, last in (("epoch", epochs), ("step", steps_per_epoch)):
        number = state[name]
        if type(number) is not int or not 0 <= number <= last:
            refuse(path, name, f"an integer from 0 to {last}", number)
    if state["epoch"] == epochs and state["step"]:
        refuse(path, "step", "0 after the last epoch", state["step"])


def check_sums(path: Path, state: dict[str, Any], count: int = 3) -> None:
    """Refuse sums over the epoch so far that are no numbers.

    Args:
        path: The checkpoint, for the message.
        state: What it holds.
        count: How many numbers `tally` has.

    Raises:
        CheckpointError: `tally` or `seconds` is something else.
    """
    tally = state["tally"]
    if not isinstance(tally, list) or len(tally) != count or not all(map(is_number, tally)):
        refuse(path, "tally", f"{count} numbers", tally)
    if not is_number(state.get("seconds", 0.0)):
        refuse(path, "seconds", "a number", state["seconds"])


class _Record(Protocol):
    """What an epoch measured."""

    @property
    def epoch(self) -> int:
        """From 0."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """Build a record from what `to_dict` returns."""


_R = TypeVar("_R", bound=_Record)


def read_history(path: Path, records: Any, epochs: int, kind: type[_R]) -> list[_R]:
    """Return the records of the finished epochs.

    Args:
        path: The checkpoint, for the message.
        records: One dict an epoch.
        epochs: How many are finished.
        kind: What a record is.

    Raises:
        CheckpointError: There are more or fewer, or one is no record of its epoch.
    """
    if not isinstance(records, list) or len(records) != epochs:
        refuse(path, "history", f"a list of {epochs} records", records)
    history = []
    for epoch, record in enumerate(records):
        try:
            metrics = kind.from_dict(record)
        except TypeError:
            refuse(path, f"history[{epoch}]", "the record of an epoch", record)
        if metrics.epoch != epoch or not _are_numbers(metrics):
            refuse(path, f"history[{epoch}]", f"the numbers of epoch {epoch}", record)
        history.append(metrics)
    return history


def _are_numbers(record: Any) -> bool:
    """Whether the fields of a record that ought to be numbers are."""
    return all(
        is_number(getattr(record, each.name))
        for each in attrs.fields(type(record))
        if each.type in ("int", "float", int, float)
    )


def check_tensors(path: Path, name: str, found: Any, wanted: Mapping[str, Tensor]) -> None:
    """Refuse the weights of another network.

    Args:
        path: The checkpoint, for the message.
        name: The key under which `found` lies.
        found: Ought to be tensors by name.
        wanted: Tensors with the names, shapes and dtypes that they must have.

    Raises:
        CheckpointError: A tensor is missing, unknown, or of another shape or dtype.
    """
    fault = find_fault(found, wanted)
    if fault is not None:
        raise _damaged(path, f"{name} {fault}")


def find_fault(found: Any, wanted: Mapping[str, Tensor]) -> str | None:
    """Return what is wrong with the tensors of a network, or None if nothing is.

    Args:
        found: Ought to be tensors by name.
        wanted: Tensors with the names, shapes and dtypes that they must have.
    """
    if not isinstance(found, dict):
        return f"must be tensors by name (got {_shown(found)})"
    if found.keys() != wanted.keys():
        missing, unknown = wanted.keys() - found.keys(), found.keys() - wanted.keys()
        first = min(str(key) for key in missing | unknown)
        return (
            f"must have the tensors of the network (missing {len(missing)}, unknown "
            f"{len(unknown)}, for instance {first})"
        )
    for key, value in wanted.items():
        if not isinstance(found[key], Tensor) or _kind(found[key]) != _kind(value):
            return f"must have {key} as {_kind(value)} (got {_shown(found[key])})"
    return None


def find_not_finite(named: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the tensors that hold a NaN or an infinity, in order.

    Args:
        named: At least one tensor of floats, all on one device, which is waited for once.
    """
    floats = {name: each for name, each in named.items() if each.is_floating_point()}
    finite = torch.stack([torch.isfinite(each).all() for each in floats.values()]).tolist()
    return [name for name, is_finite in zip(floats, finite, strict=True) if not is_finite]


def read_moments(path: Path, found: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimizer, ready for its `load_state_dict`.

    Settings are those of the recipe; only the moments and the learning rate of the last step come
    out of the checkpoint.

    Args:
        path: The checkpoint, for the message.
        found: Ought to be the state of such an optimizer.
        optimizer: Adam, AdamW or SGD.

    Raises:
        CheckpointError: It is the state of an optimizer of other parameters, or none.
    """
    own = optimizer.state_dict()["param_groups"]
    groups = found.get("param_groups") if isinstance(found, dict) else None
    if not isinstance(groups, list) or [_members(each) for each in groups] != [
        _members(each) for each in own
    ]:
        refuse(path, "optimizer", "the state of an optimizer of this network", groups)
    for group in groups:
        if not is_number(group.get("lr")):
            refuse(path, "optimizer", "a state with a learning rate", group.get("lr"))
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    slots = _SLOTS[isinstance(optimizer, torch.optim.SGD)]
    for index, moments in found["state"].items():
        if type(index) is not int or not 0 <= index < len(parameters):
            refuse(path, "optimizer", f"moments of {len(parameters)} parameters", index)
        _check_moments(path, index, moments, slots, parameters[index])
    settings = [{**mine, "lr": group["lr"]} for mine, group in zip(own, groups, strict=True)]
    return {"state": found["state"], "param_groups": settings}


def _check_moments(
    path: Path, index: int, moments: dict[str, Any], slots: frozenset[str], parameter: Tensor
) -> None:
    if moments and moments.keys() != slots:
        refuse(path, f"optimizer.state[{index}]", f"{sorted(slots)}", sorted(map(str, moments)))
    for name, value in moments.items():
        if value is None and name == "momentum_buffer":
            continue  # SGD before its first step.
        shape = torch.Size() if name == "step" else parameter.shape
        if not isinstance(value, Tensor) or value.shape != shape or not value.is_floating_point():
            wanted = f"float of shape {tuple(shape)}"
            refuse(path, f"optimizer.state[{index}].{name}", wanted, value)


def refuse(path: Path, key: str, wanted: str, found: Any) -> NoReturn:
    """Raise the error about a value of a checkpoint.

    Args:
        path: The checkpoint.
        key: Where the value lies in it.
        wanted: What it must be.
        found: What it is.

    Raises:
        CheckpointError: Always.
    """
    raise _damaged(path, f"{key} must be {wanted} (got {_shown(found)})")


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged: its {what}; remove it to start anew, or put back a copy of it", path
    )


def _members(group: Any) -> Any:
    return group.get("params") if isinstance(group, dict) else None


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}".removeprefix("torch.")


def _shown(value: Any) -> str:
    """Return a value in a few words."""
    if isinstance(value, Tensor):
        return _kind(value)
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)[:60]
