"""The golden networks under this project's names."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

_RENAMES = (
    (r"^stem\.op\.0\.", "stem.conv."),
    (r"^stem0\.0\.", "stem0.0.conv."),
    (r"^stem0\.1\.", "stem0.0.bn."),
    (r"^stem0\.3\.", "stem0.1.conv."),
    (r"^stem0\.4\.", "stem0.1.bn."),
    (r"^stem1\.1\.", "stem1.conv."),
    (r"^stem1\.2\.", "stem1.bn."),
    (r"\.preprocess([01])_red\.", r".preprocess\1."),
    (r"\.preprocess_res\.0\.", ".skip.bn."),
    (r"\.preprocess_res\.1\.", ".skip.conv."),
    (r"\._ops\.", ".ops."),
    (r"(preprocess[01]|ops\.\d+)\.op\.0\.", r"\1.conv."),
)


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: the networks here are tiny, and many threads take turns at them."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def own_name() -> Callable[[str], str]:
    """Turn the name of a tensor in the golden data into its name here."""

    def translate(name: str) -> str:
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        return name

    return translate


@pytest.fixture(scope="session")
def own_arrays(
    own_name: Callable[[str], str],
) -> Callable[[Mapping[str, np.ndarray], str], dict[str, np.ndarray]]:
    """Pick `arrays["<prefix>/<name>"]` and put each under its own name."""

    def pick(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
        wanted = {name: name.partition("/")[2] for name in arrays if name.startswith(f"{prefix}/")}
        return {own_name(key): arrays[name] for name, key in wanted.items()}

    return pick
