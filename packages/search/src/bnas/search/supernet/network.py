"""`Supernet`: the network in which every edge is the mixture of all primitives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bnas.cells.nn import BinaryConv2d
from bnas.search.errors import SearchSpaceError
from bnas.search.supernet.layers import CifarStem, ImageNetStem
from bnas.search.supernet.plain import PlainCell
from bnas.search.supernet.plan import CellPlan, cell_plans
from bnas.search.supernet.shared import SharedCell
from bnas.search.supernet.space import SearchSpace
from bnas.search.supernet.states import from_shared, to_shared

Engine = Literal["shared", "plain"]
#: Standard deviation of the architecture parameters at the start.
_ARCH_SPREAD = 1e-3
_KINDS = ("normal", "reduce")


class Supernet(nn.Module):
    """All networks of a search space at once; softmax of the architecture parameters weighs them.

    Latent weights are to be projected before every step that reads them (`project_latents_`).

    Attributes:
        space: The space.
        engine: ``"shared"`` computes what is equal once; ``"plain"``, the reference, has one module
            for every edge and primitive. Same function, gradients and batch statistics.
        arch_parameters: ``"normal"`` and ``"reduce"``: logits, float32 (edges, P), that all cells
            of a kind share.

    References:
        ECCV 2020 BNAS, Section 4; Liu et al., "DARTS", ICLR 2019, Equation 2. Pre-processing is
        real in the supernet, as in the authors' code.
    """

    def __init__(
        self, space: SearchSpace, *, engine: Engine = "shared", official_gradient: bool = False
    ) -> None:
        """Draw weights as torch does, architecture parameters from 1e-3 * N(0, 1).

        Args:
            space: What to search.
            engine: How to compute it.
            official_gradient: Multiply the gradients of latent weights by n * (1 - 1/C_in), as the
                paper's learning rates suppose (`cells.nn.binary_weight`).

        Raises:
            SearchSpaceError: No space, or an unknown engine.
        """
        super().__init__()
        if not isinstance(space, SearchSpace):
            raise SearchSpaceError(f"`space` must be a SearchSpace (got {type(space).__name__})")
        if engine not in get_args(Engine):
            raise SearchSpaceError(f"`engine` must be one of {get_args(Engine)} (got {engine!r})")
        self.space = space
        self.engine = engine
        self.arch_parameters: nn.ParameterDict = nn.ParameterDict(
            {kind: _ARCH_SPREAD * torch.randn(space.arch_shape) for kind in _KINDS}
        )
        stem = CifarStem if space.template == "cifar" else ImageNetStem
        self.stem: CifarStem | ImageNetStem = stem(space.channels)
        cell = SharedCell if engine == "shared" else PlainCell
        self.plans: tuple[CellPlan, ...] = cell_plans(space)
        self.cells: nn.ModuleList = nn.ModuleList(
            cell(plan, space, official_gradient) for plan in self.plans
        )
        self.classifier: nn.Linear = nn.Linear(
            space.nodes * self.plans[-1].channels, space.num_classes
        )

    def forward(self, images: Tensor) -> Tensor:
        """Classify normalised images.

        Args:
            images: float32 (N, 3, H, W); H and W multiples of 4, of 32 in the imagenet template.

        Returns:
            The logits, float (N, classes).

        Raises:
            SearchSpaceError: Another shape.
        """
        self._check(images)
        probabilities = {kind: self.arch_parameters[kind].softmax(dim=1) for kind in _KINDS}
        if self.engine == "shared" and images.device.type == "cpu":
            # Twice as fast as torch's own order on CPUs: convolutions of few channels, poolings.
            images = images.contiguous(memory_format=torch.channels_last)
        before, last = self.stem(images)
        for plan, cell in zip(self.plans, self.cells, strict=True):
            before, last = last, cell(before, last, probabilities[plan.kind])
        logits: Tensor = self.classifier(last.mean(dim=(2, 3)))
        return logits

    def _check(self, images: Tensor) -> None:
        side = 32 if self.space.template == "imagenet" else 4
        fits = images.ndim == 4 and images.shape[1] == 3
        if not fits or images.shape[2] % side or images.shape[3] % side:
            raise SearchSpaceError(
                f"`images` must have shape (N, 3, H, W), H and W multiples of {side} "
                f"(got {tuple(images.shape)})"
            )

    def weights(self) -> Iterator[nn.Parameter]:
        """Yield every parameter that is no architecture parameter."""
        arch = {id(parameter) for parameter in self.arch_parameters.values()}
        return (parameter for parameter in self.parameters() if id(parameter) not in arch)

    def project_latents_(self) -> None:
        """Centre and clamp all latent weights in place, as before every training step."""
        for module in self.modules():
            if isinstance(module, BinaryConv2d):
                module.project_latent_()

    def canonical_state(self) -> dict[str, Tensor]:
        """Return the state in the one form in which both engines are kept: the shared engine's.

        Raises:
            SearchSpaceError: Batch norms of the plain engine that read the same state differ.
        """
        state = self.state_dict()
        return dict(state) if self.engine == "shared" else to_shared(self.space, state)

    def load_canonical_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state of either engine's supernet, as `canonical_state` returned it.

        Raises:
            SearchSpaceError: It is of another space.
        """
        try:
            own = state if self.engine == "shared" else from_shared(self.space, state)
            self.load_state_dict(own)
        except RuntimeError as error:
            first = str(error).splitlines()[:2]
            raise SearchSpaceError(
                f"the state is not of a supernet of this space ({' '.join(first)})"
            ) from error
