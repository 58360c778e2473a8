"""A pytest plugin: shares cases out among property tests, and counts what really ran.

It counts calls of a test's body, those that Hypothesis rejected (`assume`) apart. Asked for 100,000
Hypothesis may stop sooner, where it has seen everything or a test failed.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from maintenance.nightly.families import family_of

#: Where Hypothesis keeps the settings of a test; it has no public name for changing them later.
_SETTINGS = "_hypothesis_internal_use_settings"
#: Tapes for no instruction set in particular run beside the portable kernels.
_OF_ISA = {"generic": "portable"}


class CaseCounter:
    """The plugin.

    Args:
        cases: Cases in all; every family of kernels gets an equal part of them.
        backend: Tests that name another backend or instruction set are left out.
        families: Of kernels, as `families` names them.

    Attributes:
        executed: Node id -> cases whose body ran to its end, or failed.
        rejected: Node id -> cases that `assume` sent away.
        seconds: Node id -> what they took.
    """

    def __init__(self, cases: int, backend: str, families: Sequence[str]) -> None:
        self.executed: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self._cases = cases
        self._backend = backend
        self._families = families

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Function]
    ) -> None:
        """Leave property tests of this backend, each with its share."""
        import hypothesis  # not sooner: pytest wants to see its plugins imported

        chosen = [item for item in items if self._is_chosen(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
        sizes = Counter(family_of(item.nodeid) for item in chosen)
        for item in chosen:
            share = -(-self._cases // (len(sizes) * sizes[family_of(item.nodeid)]))
            function = getattr(item.obj, "__func__", item.obj)
            old = getattr(function, _SETTINGS)
            setattr(function, _SETTINGS, hypothesis.settings(old, max_examples=share))

    def _is_chosen(self, item: pytest.Function) -> bool:
        if family_of(item.nodeid) not in self._families or not hasattr(item.obj, "hypothesis"):
            return False
        given = item.callspec.params if hasattr(item, "callspec") else {}
        named = given.get("backend", given.get("isa"))
        name = str(getattr(named, "name", named))
        return named is None or _OF_ISA.get(name, name) == self._backend

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Function) -> Generator[None, Any, Any]:
        """Count what runs while a test does."""
        handle = item.obj.hypothesis
        original = handle.inner_test
        handle.inner_test = self._counted(item.nodeid, original)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(time.monotonic() - begun, 2)
            handle.inner_test = original

    def _counted(self, node: str, test: Callable[..., Any]) -> Callable[..., Any]:
        from hypothesis.errors import UnsatisfiedAssumption

        @functools.wraps(test)
        def counted(*args: Any, **options: Any) -> Any:
            try:
                result = test(*args, **options)
            except UnsatisfiedAssumption:
                self.rejected[node] += 1
                raise
            except BaseException:
                self.executed[node] += 1
                raise
            self.executed[node] += 1
            return result

        return counted

    def by_family(self) -> dict[str, int]:
        """Return the executed cases of every family."""
        total = dict.fromkeys(self._families, 0)
        for node, count in self.executed.items():
            family = family_of(node)
            assert family is not None
            total[family] += count
        return total
