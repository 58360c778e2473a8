"""`Network`: the torch module of a specification, evaluated node by node along its graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bnas.cells import nodes
from bnas.cells.errors import GraphError
from bnas.cells.graph import Graph
from bnas.cells.lower_cell import edge_of
from bnas.cells.nn.layers import BinaryConv2d, project_latents_together_
from bnas.cells.nn.modules import module_of
from bnas.cells.prune import prune
from bnas.cells.specification import Spec
from bnas.cells.twin import float_twin

#: What is binarised: weights and activations; activations only, the first of two stages; nothing,
#: the function of the float twin (`bnas.cells.FloatTwin`) with the state of the binary network.
Binarize = Literal["all", "activations", "none"]


class Network(nn.Module):
    """A trainable network.

    Modules and parameters are named by the graph: ``cells.3.ops.1.conv.weight`` are the latent
    weights of edge 1 of cell 3. `project_latents_` is to be called before every training step.

    Drop-path (Larsson et al., "FractalNet", ICLR 2017; as in DARTS) drops an edge's output for a
    whole image; in a residual block, what it adds to its input (Huang et al., "Deep Networks with
    Stochastic Depth", ECCV 2016). Identity edges are not dropped, as in DARTS. Deviates: equal
    edges that pruning merged, such as the poolings of the published reduction cells, are dropped
    together.

    Attributes:
        binarize: What is binarised. Networks that differ only in this load each other's states.
        drop_path_edges: Nodes that end an edge of a cell or a residual block, in order.
        drop_path_scales: What their outputs are multiplied by in training, float32 (edges, N) of 0
            and 1 / (1 - probability); None for no drop-path.
        spec: The specification.
        graph: The graph that is evaluated.
        steps: Every node but the input, in order: the node, its module, and the values that nothing
            reads after it.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        pruned: bool = True,
        binarize: Binarize = "all",
        official_sign: bool = False,
        official_gradient: bool = False,
        official_centring: bool = False,
    ) -> None:
        """Build the module of `spec` with fresh weights.

        Args:
            spec: The network.
            pruned: Leave out what Zeroise makes needless; same function, fewer parameters.
            binarize: ``"activations"`` takes latent weights as they are, neither centred nor
                clamped; ``"none"`` also takes no signs: batch norm, convolution, ReLU, as in the
                supernet. A twin that clamps activations to [-1, 1] instead is nearer to the binary
                network and the worse teacher: top-1 48.5 % against 52.7 % on held-out images, means
                of four short trainings of 8 cells on CIFAR-10 at 16x16 pixels.
            official_sign: Take sign(0) = 0 as the authors' code does; a packed network cannot.
            official_gradient: Multiply weight gradients by n * (1 - 1/C_in), as the paper's
                learning rates suppose.
            official_centring: Centre latent weights of one input channel too, as the authors' code
                does: those of depthwise convolutions, which then are 0 (`project_latent`).
        """
        super().__init__()
        if binarize not in get_args(Binarize):
            raise GraphError(f"`binarize` must be one of {get_args(Binarize)} (got {binarize!r})")
        self.spec = spec
        self.binarize = binarize
        graph = prune(spec.lower()) if pruned else spec.lower()
        # The modules of these keep latent weights and scales: states go from stage to stage.
        binary = {node.name: node for node in graph if isinstance(node, nodes.BinaryConv)}
        self.graph: Graph = float_twin(graph) if binarize == "none" else graph
        readers = self.graph.consumers()
        self.steps: list[tuple[nodes.Node, nn.Module, tuple[str, ...]]] = []
        readable: set[str] = set()
        for node in reversed(self.graph.nodes[1:]):
            last_reads = tuple(name for name in dict.fromkeys(node.inputs) if name not in readable)
            readable.update(last_reads)
            origin = binary.get(node.name, node)
            module = module_of(
                origin,
                real_weights=binarize != "all",
                official_sign=official_sign,
                official_gradient=official_gradient,
                official_centring=official_centring,
            )
            self.steps.append((node, module, last_reads))
        self.steps.reverse()
        self.drop_path_edges: tuple[str, ...] = tuple(
            node.name for node, _, _ in self.steps if _ends_edge(node, readers[node.name])
        )
        self._edge_of = {name: edge for edge, name in enumerate(self.drop_path_edges)}
        # No buffer: it is of one step, and moving averages go over all buffers.
        self.drop_path_scales: Tensor | None = None
        # All of them, so that hooks and searches find the layers without parameters too.
        for node, module, _ in self.steps:
            _attach(self, node.name, module)

    def forward(self, images: Tensor) -> Tensor:
        """Classify.

        Args:
            images: Normalised images, float (N, 3, H, W).

        Returns:
            The logits, float (N, classes).
        """
        return self.evaluate(images)[self.graph.output].flatten(1)

    def trace(self, images: Tensor) -> dict[str, Tensor]:
        """Return the value of every tap (``stem``, ``cell_00``, …) and the ``logits``.

        Args:
            images: Normalised images, float (N, 3, H, W).

        Returns:
            float (N, C, H', W') of a tap, float (N, classes) of the logits.
        """
        values = self.evaluate(images, self.graph.taps.values())
        traced = {label: values[name] for label, name in self.graph.taps.items()}
        return {**traced, "logits": values[self.graph.output].flatten(1)}

    def project_latents_(self) -> None:
        """Centre and clamp all latent weights in place, as before every training step."""
        binary = [module for module in self.modules() if isinstance(module, BinaryConv2d)]
        if binary and binary[0].weight.is_cuda:
            project_latents_together_(binary)
            return
        for module in binary:
            module.project_latent_()

    def draw_drop_path_(self, probability: float, batch: int, source: torch.Generator) -> None:
        """Draw which edges are dropped for which images of the next step.

        Always the same shape, so that a compiled network is compiled once; 0 draws ones. What drops
        nothing at no cost is not to draw, or `clear_drop_path_`.

        Args:
            probability: Of dropping, >= 0 and < 1.
            batch: Images of the step.
            source: On the CPU; the same state drops the same edges.

        Raises:
            GraphError: A probability outside its range.
        """
        if not 0 <= probability < 1:
            raise GraphError(f"`probability` must be >= 0 and < 1 (got {probability})")
        kept = torch.rand((len(self.drop_path_edges), batch), generator=source) >= probability
        device = next(self.parameters()).device
        # A copy that the device is not waited for; the tensor on the CPU is staged at once.
        self.drop_path_scales = (kept / (1 - probability)).to(device, non_blocking=True)

    def clear_drop_path_(self) -> None:
        """Drop nothing any more."""
        self.drop_path_scales = None

    def drop_path(self, name: str, value: Tensor) -> Tensor:
        """Return the output of an edge as training passes it on, anything else as it is.

        Args:
            name: Of the node.
            value: Its output, float (N, C, H, W).

        Returns:
            float (N, C, H, W).
        """
        if not self.training or self.drop_path_scales is None or name not in self._edge_of:
            return value
        scales = self.drop_path_scales[self._edge_of[name]]
        return value * scales.to(value.dtype)[:, None, None, None]

    def evaluate(self, images: Tensor, wanted: Iterable[str] = ()) -> dict[str, Tensor]:
        """Return the values of the nodes named in `wanted`, and of the graph's output.

        Args:
            images: Normalised images, float (N, 3, H, W).
            wanted: Names of nodes of `graph`; other values are dropped after their last reader.

        Returns:
            Node -> its value, float (N, C, H', W').
        """
        kept = {self.graph.output, *wanted}
        values = {self.graph.input.name: images}
        for node, module, last_reads in self.steps:
            value = module(*[values[name] for name in node.inputs])
            values[node.name] = self.drop_path(node.name, value)
            for name in last_reads:
                if name not in kept:
                    del values[name]
        return {name: value for name, value in values.items() if name in kept}


def _ends_edge(node: nodes.Node, readers: tuple[nodes.Node, ...]) -> bool:
    """Return whether a node ends an edge of a cell, or what a residual block adds to its input."""
    if node.role == "block":
        return any(reader.role == "join" for reader in readers)
    ends = nodes.ReLU | nodes.RPReLU | nodes.MaxPool | nodes.AvgPool
    if node.role != "op" or not isinstance(node, ends):
        return False
    # A separable convolution is several blocks: what the next one reads is not the edge's output.
    edge = edge_of(node.name)
    return not edge or all(edge_of(reader.name) != edge for reader in readers)


def _attach(root: nn.Module, name: str, module: nn.Module) -> None:
    """Register `module` under nested containers, so that parameter names follow node names."""
    *path, last = name.split(".")
    try:
        for part in path:
            inner = root._modules.get(part)
            if inner is None:
                inner = nn.Module()
                root.add_module(part, inner)
            root = inner
        root.add_module(last, module)
    except KeyError as error:
        raise GraphError(
            f"`{name}` cannot name a layer of a torch module ({error.args[0]}); call it otherwise",
            node=name,
        ) from error
