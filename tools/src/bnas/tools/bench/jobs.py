"""`Job`: what a contender's process is to make; `Subject`: what it then calls and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    import numpy as np


@frozen
class Job:
    """What one contender's process makes.

    Attributes:
        factory: ``"module:function"``; called with `arguments`, the inputs and `threads`, it
            returns a `Subject`.
        arguments: Keyword arguments of the factory, as JSON knows them.
        input_shape: Shape of the inputs, batch first; the process draws them.
        inputs: How many inputs the calls alternate between, so that none is remembered.
        threads: Threads that the contender may use.
        device: What it computes on, ``"cpu"`` or ``"cuda"``; for records.
        modules: Imported before memory is counted.
        folders: Put before ``sys.path``, for factories that are in no package.
    """

    factory: str
    arguments: Mapping[str, Any] = {}
    input_shape: tuple[int, ...] = (1, 3, 32, 32)
    inputs: int = 3
    threads: int = 1
    device: str = "cpu"
    modules: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass
class Subject:
    """A contender, ready to be called.

    Attributes:
        call: What is timed, called with one of `inputs`.
        inputs: In the contender's own form; changing to it is not timed.
        output: Makes an array of what `call` returned, float32 logits or counts; for comparisons.
        note: What readers should know, such as the memory layout that was faster.
        parts: How many equal parts a call has, such as the layers of a chain; times are of one.
        seconds: Calls with an input and returns the seconds that took, by a clock of its own; None
            takes the host's.
        peak_mb: Tells peak memory of its own kind, MB; None takes that of the process.
    """

    call: Callable[[Any], Any]
    inputs: list[Any]
    output: Callable[[Any], np.ndarray]
    note: str = ""
    parts: int = 1
    seconds: Callable[[Any], float] | None = None
    peak_mb: Callable[[], float] | None = None
