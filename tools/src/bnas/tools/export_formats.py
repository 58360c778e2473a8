"""The formats that `bnas-tools export` writes, what each needs, and what is told of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bnas.tools.units import count, megabytes

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork

Facts = list[tuple[str, str]]


@frozen
class ExportRequest:
    """What is to be exported, and how.

    Attributes:
        network: The network.
        weights: The weights file that it was read from; None if it is the zoo's.
        out: The file to write.
        options: Option -> value, as far as they were given: ``prefix``, ``input_size``,
            ``plain_weights``.
    """

    network: PackedNetwork
    weights: str | None
    out: str
    options: Mapping[str, Any]

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the weights file; None if it is the zoo's."""
        from bnas.zoo.checksum import file_sha256

        return None if self.weights is None else file_sha256(self.weights)


@frozen
class ExportFormat:
    """A format.

    Attributes:
        title: What the network is then, for readers.
        write: Writes a file; returns what there is to say of it, for JSON.
        facts: The same for readers: label and value.
        options: Names of the options that mean something for it.
        needs: Modules that must be installed.
    """

    title: str
    write: Callable[[ExportRequest], dict[str, Any]]
    facts: Callable[[dict[str, Any]], Facts]
    options: tuple[str, ...] = field(default=())
    needs: tuple[str, ...] = field(default=())


def _write_c(request: ExportRequest) -> dict[str, Any]:
    from bnas.zoo.c_export import c_source

    source = c_source(request.network, sha256=request.sha256, **request.options)
    source.save(request.out)
    return {
        "size_bytes": len(source.text),
        "flash_bytes": source.table_bytes,
        "ram_bytes": source.static_bytes,
        "prefix": source.prefix,
        "input_size": source.input_size[0],
    }


def _c_facts(told: dict[str, Any]) -> Facts:
    return [
        _images(told),
        ("names begin with", told["prefix"]),
        ("flash for tables", f"{count(told['flash_bytes'])} bytes"),
        ("RAM", f"{count(told['ram_bytes'])} bytes"),
    ]


def _write_onnx(request: ExportRequest) -> dict[str, Any]:
    from bnas.zoo.onnx_export import OPSET, onnx_model

    model = onnx_model(request.network, sha256=request.sha256, **request.options)
    return {
        "size_bytes": model.save(request.out),
        "opset": OPSET,
        "input_size": model.input_size[0],
    }


def _onnx_facts(told: dict[str, Any]) -> Facts:
    return [
        _images(told),
        ("operators", f"opset {told['opset']}"),
        ("size on disk", megabytes(told["size_bytes"])),
    ]


def _write_torch(request: ExportRequest) -> dict[str, Any]:
    from bnas.zoo.torch_export import save_torch

    return {"size_bytes": save_torch(request.network, request.out, sha256=request.sha256)}


def _torch_facts(told: dict[str, Any]) -> Facts:
    return [("size on disk", megabytes(told["size_bytes"]))]


def _images(told: dict[str, Any]) -> tuple[str, str]:
    side = told["input_size"]
    return ("images", f"{side}x{side} pixels")


#: Name on the command line -> format.
FORMATS: dict[str, ExportFormat] = {
    "c": ExportFormat("in C", _write_c, _c_facts, options=("prefix", "input_size")),
    "onnx": ExportFormat(
        "in ONNX",
        _write_onnx,
        _onnx_facts,
        options=("input_size", "plain_weights"),
        needs=("onnx",),
    ),
    "torch": ExportFormat("for torch", _write_torch, _torch_facts, needs=("torch",)),
}
