"""What has changed between two snapshots, and whether a caller's code can break by it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs
import griffe

from maintenance.public_api.griffe_stub import load, shown, wrappers
from maintenance.public_api.snapshot import Sections

# Other defaults and other annotations are told as changes: a caller's code goes on to run.
_HARMLESS = {
    griffe.BreakageKind.PARAMETER_CHANGED_DEFAULT,
    griffe.BreakageKind.RETURN_CHANGED_TYPE,
    griffe.BreakageKind.ATTRIBUTE_CHANGED_TYPE,
}
_CHOICES = re.compile(r"Literal\[([^]]*)\]")


@attrs.frozen
class Changes:
    """What is different, each a name with what became of it.

    Args:
        breaking: What a caller may rely on and no longer can.
        added: What is new.
        changed: What looks otherwise, without the one or the other.
    """

    breaking: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.breaking or self.added or self.changed)

    def lines(self) -> list[str]:
        """Tell each change in a line of its own."""
        kinds = (("breaking", self.breaking), ("added", self.added), ("changed", self.changed))
        return [f"  {kind}: {what}" for kind, whats in kinds for what in whats]


def compare(old: Sections, new: Sections) -> Changes:
    """Compare two snapshots of one distribution.

    Args:
        old: The sections that callers know.
        new: Those that there are now.

    Returns:
        What is different.
    """
    breaking = [f"{module}: module removed" for module in old.keys() - new.keys()]
    added = [f"{module}: new module" for module in new.keys() - old.keys()]
    changed: list[str] = []
    for module in sorted(old.keys() & new.keys()):
        if old[module] != new[module]:
            before, after = load(module, old[module]), load(module, new[module])
            lost = list(_lost(before, after))
            gained = [n for n in _names(after).keys() - _names(before).keys() if not _told(n, lost)]
            breaking += lost
            added += [name for name in gained if not _is_within(name, gained)]
            known = [*lost, *added]
            changed += [name for name in _other(before, after) if not _told(name, known)]
    return Changes(*(tuple(sorted(map(shown, each))) for each in (breaking, added, changed)))


def _lost(before: griffe.Module, after: griffe.Module) -> Iterator[str]:
    for breakage in griffe.find_breaking_changes(before, after):
        if breakage.kind not in _HARMLESS:
            parameter = next(
                (each.name for each in (breakage.old_value, breakage.new_value)
                 if isinstance(each, griffe.Parameter)),
                None,
            )  # fmt: skip
            name = breakage.obj.path + (f"({parameter})" if parameter else "")
            what = breakage.kind.value.lower().replace("public object", "name")
            yield f"{name}: {what}"
    old, new = _names(before), _names(after)
    for name in sorted(old.keys() & new.keys()):
        gone = _choices(old[name]) - _choices(new[name])
        if gone and _choices(new[name]):
            yield f"{name}: no longer takes {', '.join(sorted(gone))}"
    for name, function in _functions(before).items():
        if after_it := _functions(after).get(name):
            yield from _rewrapped(name, wrappers(function), wrappers(after_it))


def _functions(scope: griffe.Module | griffe.Class) -> dict[str, griffe.Function]:
    found: dict[str, griffe.Function] = {}
    for member in scope.members.values():
        if isinstance(member, griffe.Class):
            found |= _functions(member)
        elif isinstance(member, griffe.Function):
            found[member.path] = member
    return found


def _rewrapped(name: str, old: set[str], new: set[str]) -> Iterator[str]:
    for gone in sorted(old - new):
        yield f"{name}: is no {gone} any more"
    # Who calls a method of an instance can call a class method just so.
    for come in sorted(new - old - {"classmethod"}):
        yield f"{name}: is a {come} now"


def _choices(text: str) -> set[str]:
    return {each.strip() for inner in _CHOICES.findall(text) for each in inner.split(",")}


def _names(scope: griffe.Module | griffe.Class) -> dict[str, str]:
    """Name everything in a stub, parameters too, with its annotation, value or default."""
    found: dict[str, str] = {}
    for member in scope.members.values():
        if isinstance(member, griffe.Class):
            found[member.path] = ", ".join(str(base) for base in member.bases)
            found |= _names(member)
        elif isinstance(member, griffe.Function):
            found[member.path] = f"-> {member.returns} {sorted(member.labels)}"
            for parameter in member.parameters:
                text = f"{parameter.kind} {parameter.annotation} = {parameter.default}"
                found[f"{member.path}({parameter.name})"] = text
        elif isinstance(member, griffe.Attribute):
            found[member.path] = f"{member.annotation} = {member.value}"
    return found


def _told(name: str, known: list[str]) -> bool:
    return any(line.partition(":")[0] == name.partition(":")[0] for line in known)


def _is_within(name: str, others: list[str]) -> bool:
    """Whether a name's class or function is new itself."""
    return any(name != other and name.startswith((f"{other}.", f"{other}(")) for other in others)


def _other(before: griffe.Module, after: griffe.Module) -> Iterator[str]:
    old, new = _names(before), _names(after)
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield f"{name}: {old[name]} became {new[name]}"
