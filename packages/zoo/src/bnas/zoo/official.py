"""`import_official`: the authors' published checkpoints, CIFAR-10 and ImageNet.

Three things of theirs are kept exactly. Weights are centred and clamped before they are binarised.
The last two convolutions keep real weights. And sign(0) = 0, which matters where a channel is
always 0, as the zero half of the first stage's residual stream is: it adds nothing there.

References:
    Keys and behaviour are read off the authors' public code of ECCV 2020 BNAS.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from bnas.cells import Graph, NetworkSpec, Spec, list_specs, nodes, prune, spec, zero_channels
from bnas.cells.folding import fold_batch_norm
from bnas.zoo.errors import OfficialImportError, listed
from bnas.zoo.network import PackedNetwork
from bnas.zoo.parameters import expected_tensors, from_state

#: Models of which the authors published a checkpoint.
OFFICIAL_MODELS = ("BNAS-A", "BNAS-D", "BNAS-E", "BNAS-F", "BNAS-G", "BNAS-H")
#: Convolutions at the end of the published networks that keep real weights.
REAL_WEIGHT_TAIL = 2
#: The share of tensors from which on a checkpoint is taken for a damaged one of a network.
_MOST = 0.9
_Shapes = Mapping[str, tuple[int, ...]]

_NORM = {"bn": "bn", "op.0": "conv"}
_RENAMES: tuple[tuple[re.Pattern[str], Any], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^stem\.(bn|op\.0)\.", lambda m: f"stem.{_NORM[m[1]]}."),
        (r"^stem0\.0\.", "stem0.0.conv."),
        (r"^stem0\.1\.", "stem0.0.bn."),
        (r"^stem0\.3\.", "stem0.1.conv."),
        (r"^stem0\.4\.", "stem0.1.bn."),
        (r"^stem1\.1\.", "stem1.conv."),
        (r"^stem1\.2\.", "stem1.bn."),
        (
            r"^cells\.(\d+)\.preprocess([01])(?:_red)?\.(bn|op\.0)\.",
            lambda m: f"cells.{m[1]}.preprocess{m[2]}.{_NORM[m[3]]}.",
        ),
        (r"^cells\.(\d+)\.preprocess_res\.0\.", r"cells.\1.skip.bn."),
        (r"^cells\.(\d+)\.preprocess_res\.1\.", r"cells.\1.skip.conv."),
        (
            r"^cells\.(\d+)\._ops\.(\d+)\.(bn|op\.0)\.",
            lambda m: f"cells.{m[1]}.ops.{m[2]}.{_NORM[m[3]]}.",
        ),
    )
)


def import_official(
    path_or_state_dict: str | os.PathLike[str] | Mapping[str, Any], model: str | Spec
) -> PackedNetwork:
    """Pack a checkpoint of the authors.

    Args:
        path_or_state_dict: Path of the checkpoint (read with torch, no code is run), or its tensors
            or NumPy arrays by name (then torch is not needed). A prefix ``module.`` and a wrapping
            ``state_dict`` are taken off.
        model: Name such as ``"BNAS-D"``, or the specification of a network of one's own.

    Returns:
        The packed network, real parameters in float32.

    Raises:
        OfficialImportError: Keys are missing, unknown or misshapen: all of them are listed.
        UnknownNameError: No network has this name.
        ParametersError: The file is no checkpoint of tensors.
    """
    network = spec(model) if isinstance(model, str) else model
    if not isinstance(network, NetworkSpec):
        raise OfficialImportError(
            "`model` must be a network of the authors' kind, a NetworkSpec or the name of one "
            f"(got {model if isinstance(model, str) else type(model).__name__})"
        )
    found = _renamed(_read(path_or_state_dict))
    # The shapes first: a checkpoint of another network is refused before its numbers are copied.
    shapes = {name: _shape_of(name, value) for name, value in found.items()}
    classes = shapes.get("classifier.bias", ())
    if isinstance(model, str) and len(classes) == 1 and classes[0]:
        network = attrs.evolve(network, num_classes=classes[0])
    network = attrs.evolve(network, real_weight_tail=REAL_WEIGHT_TAIL)
    whole = network.lower()
    _check_keys(whole, shapes, model if isinstance(model, str) else "the given specification")
    state = {name: _as_float(name, value) for name, value in found.items()}
    graph = prune(whole)
    _binarise_latents(graph, state)
    _drop_zero_channels(graph, state)
    return PackedNetwork(network, from_state(graph, state))


def _read(source: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(source, str | os.PathLike):
        from bnas.zoo.torch_bridge import read_checkpoint

        source = read_checkpoint(source)
    if isinstance(source, Mapping) and isinstance(source.get("state_dict"), Mapping):
        source = source["state_dict"]
    if not isinstance(source, Mapping):
        raise OfficialImportError(
            f"a checkpoint must map names to tensors (got {type(source).__name__})"
        )
    return {str(name): value for name, value in source.items()}


def _shape_of(name: str, value: Any) -> tuple[int, ...]:
    shape = getattr(value, "shape", None)
    if shape is None:
        raise OfficialImportError(f"`{name}` must be a tensor (got {type(value).__name__})")
    return tuple(int(side) for side in shape)


def _as_float(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a torch tensor, perhaps on a GPU and in half precision
        value = value.detach().cpu().float().numpy()
    try:
        return np.array(value, np.float32)
    except (TypeError, ValueError) as error:
        raise OfficialImportError(
            f"`{name}` must be a tensor of numbers (got {type(value).__name__})"
        ) from error


def _renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state under this project's names."""
    renamed = {}
    for name, value in state.items():
        own = name.removeprefix("module.")
        if own.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in _RENAMES:
            own, count = pattern.subn(replacement, own)
            if count:
                break
        renamed[own] = value
    return renamed


def _official_tensors(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor of an unpruned network, weights not packed."""
    expected = {}
    for name, shape in expected_tensors(graph):
        node = graph[name.rpartition(".")[0]]
        if name.endswith(".weight_scale"):
            continue
        if isinstance(node, nodes.BinaryConv):
            shape = (shape[0], node.in_channels // node.groups, *shape[2:])
        expected[name] = shape
    return expected


def _check_keys(graph: Graph, shapes: _Shapes, model: str) -> None:
    expected = _official_tensors(graph)
    missing = sorted(set(expected) - set(shapes))
    extra = sorted(set(shapes) - set(expected))
    misshapen = [
        f"{name} {shapes[name]} for {shape}"
        for name, shape in expected.items()
        if name in shapes and shapes[name] != shape
    ]
    if not (missing or extra or misshapen):
        return
    raise OfficialImportError(
        f"the checkpoint is not {model}{_remedy(shapes, model)}: missing {listed(missing, 4)}; "
        f"unknown {listed(extra, 4)}; wrong shape {listed(misshapen, 4)}",
        missing=tuple(missing),
        extra=tuple(extra),
        misshapen=tuple(misshapen),
    )


def _remedy(shapes: _Shapes, model: str) -> str:
    """Name the published network that these tensors fit, or that most of them do."""
    found = _without_classifier(shapes)
    fits = {}
    for name in list_specs():
        graph = attrs.evolve(spec(name), real_weight_tail=REAL_WEIGHT_TAIL).lower()
        wanted = _without_classifier(_official_tensors(graph))
        fits[name] = len(found & wanted) / len(found | wanted)
    best = max(fits, key=fits.__getitem__)
    if best == model or fits[best] < _MOST:
        return ""
    return f"; the tensors fit {best}" if fits[best] == 1 else f"; most of the tensors fit {best}"


def _without_classifier(shapes: _Shapes) -> set[tuple[str, tuple[int, ...]]]:
    """Return the tensors that do not depend on the number of classes."""
    return {(name, shape) for name, shape in shapes.items() if "classifier" not in name}


def _binarise_latents(graph: Graph, state: dict[str, np.ndarray]) -> None:
    """Centre and clamp latent weights as before every step of theirs, and take their scales."""
    for node in graph:
        if isinstance(node, nodes.BinaryConv):
            latent = state[f"{node.name}.weight"]
            centred = np.clip(latent - latent.mean(axis=1, keepdims=True), -1, 1)
            state[f"{node.name}.weight"] = centred
            state[f"{node.name}.weight_scale"] = np.abs(centred).mean(axis=(1, 2, 3))


def _drop_zero_channels(graph: Graph, state: dict[str, np.ndarray]) -> None:
    """Make channels whose sign is that of an exact 0 contribute nothing.

    Such channels are +1 in packed bits, all of them, wherever the image is. Weights of which one
    half is +1 and the other -1 cancel them exactly, padding included.
    """
    zeros = zero_channels(graph)
    for node in graph:
        if not isinstance(node, nodes.Conv) or not isinstance(graph[node.inputs[0]], nodes.Sign):
            continue
        norm = graph[graph[node.inputs[0]].inputs[0]]
        if not isinstance(norm, nodes.BatchNorm):
            continue
        dropped = np.flatnonzero(np.array(zeros[norm.inputs[0]]) & (_offset(norm, state) == 0))
        if not len(dropped):
            continue
        if not isinstance(node, nodes.BinaryConv):
            state[f"{node.name}.weight"][:, dropped] = 0
        elif len(dropped) % 2 or node.groups != 1:
            raise OfficialImportError(
                f"`{node.name}` reads {len(dropped)} channels whose sign is 0; packed bits can "
                "leave out an even number of them only"
            )
        else:
            state[f"{node.name}.weight"][:, dropped[::2]] = 1
            state[f"{node.name}.weight"][:, dropped[1::2]] = -1


def _offset(norm: nodes.BatchNorm, state: dict[str, np.ndarray]) -> np.ndarray:
    """Return what the batch norm makes of 0, per channel."""
    mean = state[f"{norm.name}.running_mean"].astype(np.float64)
    variance = state[f"{norm.name}.running_var"].astype(np.float64)
    weight = state[f"{norm.name}.weight"].astype(np.float64) if norm.affine else 1.0
    bias = state[f"{norm.name}.bias"].astype(np.float64) if norm.affine else 0.0
    offset: np.ndarray = fold_batch_norm(weight, bias, mean, variance)[1]
    return offset
