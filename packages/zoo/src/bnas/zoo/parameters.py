"""`Parameters`: the numbers of a network, keyed by its graph, 1-bit weights packed.

Tensor names are those of `bnas.cells.nn.Network`: ``cells.3.ops.1.conv.weight`` and so on. Binary
weights are bits, packed over the input channels, beside one ``weight_scale`` per filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from attrs import frozen

from bnas import binops
from bnas.cells import Graph, nodes
from bnas.cells.folding import fold_batch_norm
from bnas.zoo.errors import ParametersError, listed
from bnas.zoo.program.thresholds import Affine

_FLOATS = (np.float16, np.float32)


@frozen(eq=False)
class Parameters:
    """All numbers that a graph needs, checked against it.

    Attributes:
        tensors: Name -> array: uint8 packed bits for binary weights, float32 or float16 else.

    Raises:
        ParametersError: A tensor is missing, has another shape or dtype, or holds NaN or infinity.
    """

    graph: Graph
    tensors: Mapping[str, np.ndarray]

    def __attrs_post_init__(self) -> None:
        wanted = dict(expected_tensors(self.graph))
        missing = sorted(set(wanted) - set(self.tensors))
        extra = sorted(set(self.tensors) - set(wanted))
        if missing or extra:
            raise ParametersError(
                "tensors must be those of the network's graph "
                f"(missing {listed(missing, 5)}; unknown {listed(extra, 5)})",
                missing=tuple(missing),
                extra=tuple(extra),
            )
        for name, shape in wanted.items():
            self._check(name, shape)

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        tensor = self.tensors[name]
        if tensor.shape != shape:
            raise ParametersError(f"`{name}` must have shape {shape} (got {tensor.shape})")
        is_packed = isinstance(self._node(name), nodes.BinaryConv) and name.endswith(".weight")
        if tensor.dtype not in ((np.uint8,) if is_packed else _FLOATS):
            allowed = "uint8 (packed bits)" if is_packed else "float32 or float16"
            raise ParametersError(f"`{name}` must be {allowed} (got {tensor.dtype})")
        if is_packed:
            self.bits(self._node(name).name)
        elif not np.isfinite(tensor).all():
            raise ParametersError(f"`{name}` must hold finite numbers (got NaN or infinity)")
        elif name.endswith((".running_var", ".weight_scale")) and (tensor < 0).any():
            raise ParametersError(f"`{name}` must be >= 0 (got {tensor.min()})")

    def _node(self, name: str) -> nodes.Node:
        return self.graph[name.rpartition(".")[0]]

    def real(self, name: str) -> np.ndarray:
        """Return a real tensor in float32."""
        return np.asarray(self.tensors[name], np.float32)

    def bits(self, name: str) -> binops.BitTensor:
        """Return the weights (O, I / groups, K, K) of a binary convolution."""
        node = self.graph[name]
        assert isinstance(node, nodes.BinaryConv)
        try:
            return binops.BitTensor(
                self.tensors[f"{name}.weight"], axis=1, length=node.in_channels // node.groups
            )
        except binops.BinopsError as error:
            raise ParametersError(f"`{name}.weight`: {error}") from error

    def affine(self, node: nodes.BatchNorm) -> Affine:
        """Return a batch norm in evaluation as multiplier and offset."""

        def read(part: str) -> np.ndarray:
            return self.real(f"{node.name}.{part}").astype(np.float64)

        mean, variance = read("running_mean"), read("running_var")
        weight = read("weight") if node.affine else np.ones_like(mean)
        bias = read("bias") if node.affine else np.zeros_like(mean)
        multiplier, offset = fold_batch_norm(weight, bias, mean, variance)
        return Affine(multiplier.astype(np.float32), offset.astype(np.float32))


def expected_tensors(graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of every tensor that `graph` needs."""
    for node in graph:
        for part, shape in _expected_parts(node).items():
            yield f"{node.name}.{part}", shape


def _expected_parts(node: nodes.Node) -> dict[str, tuple[int, ...]]:
    match node:
        case nodes.Conv():
            in_channels = node.in_channels // node.groups
            window = (node.kernel, node.kernel)
            if isinstance(node, nodes.BinaryConv):
                packed = -(-in_channels // 8)
                return {
                    "weight": (node.out_channels, packed, *window),
                    "weight_scale": (node.out_channels,),
                }
            bias = {"bias": (node.out_channels,)} if node.bias else {}
            return {"weight": (node.out_channels, in_channels, *window), **bias}
        case nodes.BatchNorm():
            parts = ["running_mean", "running_var"] + ["weight", "bias"] * node.affine
            return {part: (node.channels,) for part in parts}
        case nodes.RPReLU():
            return {part: (node.channels,) for part in ("shift_in", "slope", "shift_out")}
        case nodes.Linear():
            return {
                "weight": (node.out_features, node.in_features),
                "bias": (node.out_features,),
            }
    return {}


def from_state(graph: Graph, state: Mapping[str, np.ndarray]) -> Parameters:
    """Binarise and pack a state of `bnas.cells.nn.Network`.

    Args:
        graph: The pruned graph.
        state: Tensor name -> float array; binary convolutions have latent weights
            (O, I, KH, KW) and ``weight_scale``. Tensors that the graph does not need are left out.

    Raises:
        ParametersError: A tensor is missing, has another shape, or holds NaN.
    """
    tensors: dict[str, np.ndarray] = {}
    for node in graph:
        for part in _expected_parts(node):
            name = f"{node.name}.{part}"
            if name not in state:
                continue
            tensor = np.asarray(state[name])
            if isinstance(node, nodes.BinaryConv) and part == "weight":
                shape = (node.out_channels, node.in_channels // node.groups, *[node.kernel] * 2)
                if tensor.shape != shape:
                    raise ParametersError(f"`{name}` must have shape {shape} (got {tensor.shape})")
                if not np.isfinite(tensor).all():
                    raise ParametersError(f"`{name}` must hold finite numbers (got NaN)")
                tensors[name] = binops.pack(tensor, axis=1).data
            else:
                tensors[name] = np.array(tensor, np.float32)
    return Parameters(graph, tensors)


def in_half_precision(parameters: Parameters) -> Parameters:
    """Return the parameters with real tensors in float16, as they are stored in the zoo.

    A tensor with a value outside float16's range keeps float32.
    """
    largest = np.finfo(np.float16).max
    return Parameters(
        parameters.graph,
        {
            name: tensor.astype(np.float16)
            if tensor.dtype == np.float32 and np.abs(tensor).max(initial=0) <= largest
            else tensor
            for name, tensor in parameters.tensors.items()
        },
    )


def check_is_binary(binarize: object) -> None:
    """Refuse what was trained as a first stage or as a float twin: packed, it is another network.

    Args:
        binarize: What of the network is binary, as `bnas.cells.nn.Network` calls it.

    Raises:
        ParametersError: Not ``"all"`` of it.
    """
    if binarize != "all":
        raise ParametersError(
            f"the network must be binary throughout to be packed (got binarize={binarize!r}); "
            "train a second stage that begins with it, or one that it teaches; a float network "
            "that is to be packed is a `cells.FloatTwin`"
        )
