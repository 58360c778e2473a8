from __future__ import annotations

from collections.abc import Callable
from typing import Any

from click.testing import Result

from bnas import cells, zoo


def test_json_holds_every_model(document: Callable[..., Any]) -> None:
    models = document("list")["models"]
    assert {each["name"] for each in models} == set(zoo.list_models()) == set(cells.list_specs())
    for each in models:
        card = zoo.card(f"{each['name']}.{each['tag']}" if each["tag"] else each["name"])
        assert each["trained"] is card.trained
        assert (each["top1"], each["size_bytes"]) == (card.top1, card.size_bytes)
        spec = cells.spec(card.architecture, num_classes=card.num_classes)
        assert each["float_bytes"] == 4 * cells.cost(spec).params


def test_table_tells_trained_from_untrained(call: Callable[..., Result]) -> None:
    lines = {line.split()[0]: line for line in call("list").stdout.splitlines() if line.split()}
    for name in zoo.list_models():
        assert ("not trained" in lines[name]) is not zoo.card(name).trained
        top1 = zoo.card(name).published_top1
        assert top1 is None or f"{top1:.2f} %" in lines[name]
