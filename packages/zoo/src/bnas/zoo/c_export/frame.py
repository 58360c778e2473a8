"""What a C file says besides its steps: the comment at its beginning, names, colours."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from string import Template

import numpy as np

from bnas.zoo.c_export.code import Code
from bnas.zoo.c_export.identifiers import as_comment, as_string
from bnas.zoo.c_export.kernels import kernels_text
from bnas.zoo.c_export.tables import literal
from bnas.zoo.export_facts import base_name, class_names
from bnas.zoo.network import PackedNetwork
from bnas.zoo.preprocessing import Preprocessing


def frame_text(fields: Mapping[str, object]) -> str:
    """Return the file: the frame with all of its fields filled in."""
    frame = importlib.resources.files("bnas.zoo.c_export") / "frame.c.in"
    return Template(frame.read_text(encoding="utf-8")).substitute(fields)


def code_fields(code: Code) -> dict[str, object]:
    """Return memory, kernels, tables and steps."""
    calls = (
        f"    step_{number}();\n    BNAS_AFTER_STEP({number});"
        for number in range(len(code.functions))
    )
    return {
        "float_count": max(1, code.arenas.floats.size),
        "word_count": max(1, code.arenas.words.size),
        "scratch": code.scratch(),
        "kernels": kernels_text(code.kernels),
        "tables": code.tables.text(),
        "functions": "\n".join(code.functions),
        "calls": "\n".join(calls),
    }


def comment_fields(network: PackedNetwork, sizes: Mapping[str, str]) -> dict[str, str]:
    """Return title and facts of the comment.

    Args:
        network: The network.
        sizes: What else is known, name -> value.
    """
    card = network.card
    if card is None:
        name = base_name(network) or "a network"
        facts: dict[str, str | None] = {"weights": "without a card"}
    else:
        name = card.full_name
        facts = {
            "trained on": card.dataset,
            "top-1": None if card.top1 is None else f"{card.top1:.2f} %, {card.measured_with}",
            "licence of the weights": card.licence,
        }
    facts |= sizes
    lines = (f" * {what}: {as_comment(value)}" for what, value in facts.items() if value)
    title = as_comment(f"{name}: a binary neural network in C99, one file that needs no other")
    return {"title": title, "facts": "\n".join(lines)}


def colour_fields(preprocessing: Preprocessing) -> dict[str, str]:
    """Return mean and deviation of red, green and blue."""
    return {
        name: ", ".join(literal(value) for value in np.array(values, np.float32))
        for name, values in (("means", preprocessing.mean), ("deviations", preprocessing.std))
    }


def label_field(network: PackedNetwork) -> str:
    """Return the names of the classes as lines of an initializer."""
    return "\n".join(f"    {as_string(label)}," for label in class_names(network))
