"""What a page says of its run: size, data, machine, versions, date and commands."""

from __future__ import annotations

from typing import Any

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.targets import ALL, full_command, times, trains

#: Of a machine, in this order.
_MACHINE = ("cpu", "cores", "memory_gib", "system", "gpu")
_UNITS = {"cores": "{} cores", "memory_gib": "{} GiB"}


def provenance_of(command: str, device: str) -> dict[str, Any]:
    """Return date, command, machine and versions, as JSON knows them.

    Args:
        command: What was typed.
        device: Of trainings; a GPU is named.
    """
    from bnas.tools.bench.machine import provenance

    found = provenance(command)
    if device.startswith("cuda"):
        import torch

        found["machine"]["gpu"] = torch.cuda.get_device_name(device)
    return found


def page_facts(
    context: Context, name: str, provenance: dict[str, Any]
) -> tuple[tuple[str, str], ...]:
    """Return names and values for the top of a page, Markdown.

    Args:
        context: Of the reproduction.
        name: Of the target, or of all of them.
        provenance: As of `provenance_of`.
    """
    facts = [("command", f"`{provenance['command']}`"), ("date", provenance["date"])]
    if trains(name):
        from bnas.tools.reproduce.trainings import describe_images

        facts += [("scale", context.scale.title), ("data", describe_images(context))]
        facts.append(("trained on", _workers(context)))
    if times(name):
        facts.append(
            ("rounds of each measurement of speed", f"at most {context.scale.bench_rounds}")
        )
    versions = ", ".join(f"{package} {each}" for package, each in provenance["versions"].items())
    facts += [("machine", _machine(provenance["machine"])), ("versions", versions)]
    if name == ALL:  # a single section has its own
        facts.append(("in full", f"`{full_command(name)}`"))
    return tuple(facts)


def _workers(context: Context) -> str:
    if context.workers == 1:
        return context.device
    return f"{context.device}, {context.workers} networks at once, each on one thread"


def _machine(machine: dict[str, Any]) -> str:
    known = [(part, machine[part]) for part in _MACHINE if machine.get(part)]
    parts = [_UNITS.get(part, "{}").format(value) for part, value in known]
    load = machine.get("load_average")
    if load is not None:
        parts.append(f"load average {load} at the start")
    return ", ".join(parts)
