"""Between packed networks and torch modules; the only file here that imports torch at its top."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bnas import binops
from bnas.cells import Spec, SpecError, UnknownNameError, changed, nodes, prune
from bnas.cells.nn import BinaryConv2d, Network
from bnas.zoo.checksum import check_is_file
from bnas.zoo.errors import ParametersError
from bnas.zoo.parameters import Parameters, check_is_binary, from_state


def to_module(
    spec: Spec, parameters: Parameters, num_classes: int | None = None, seed: int = 0
) -> Network:
    """Return the torch module of a packed network, in evaluation mode.

    Args:
        spec: The network.
        parameters: Its numbers.
        num_classes: Classes of a new classifier in the place of its own; None to keep that.
        seed: Seed of the new classifier.

    Raises:
        ParametersError: No such number of classes or seed, or a network of which no other number of
            classes is known.
    """
    if num_classes is not None:
        return _with_new_classifier(to_module(spec, parameters), num_classes, seed)
    module = _blank(spec)
    state = module.state_dict()
    for node in parameters.graph:
        if isinstance(node, nodes.BinaryConv):
            scale = parameters.real(f"{node.name}.weight_scale")
            signs = binops.unpack(parameters.bits(node.name))
            latent = signs * scale[:, None, None, None]
            state[f"{node.name}.weight"] = torch.from_numpy(latent)
            state[f"{node.name}.weight_scale"] = torch.from_numpy(scale.copy())
    for name in parameters.tensors:
        if parameters.tensors[name].dtype != np.uint8:
            state[name] = torch.from_numpy(parameters.real(name).copy())
    module.load_state_dict(state)
    return module


def _with_new_classifier(module: Network, num_classes: int, seed: int) -> Network:
    """Return a network with the trunk of `module` and a fresh classifier."""
    for name, value, least in (("num_classes", num_classes, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ParametersError(
                f"`{name}` must be an integer of at least {least} (got {value!r})"
            )
    try:
        new = _blank(changed(module.spec, num_classes=num_classes))
    except SpecError as error:
        raise ParametersError(str(error)) from error
    except UnknownNameError as error:  # a graph of one's own ends as it is drawn
        raise ParametersError(
            "`num_classes` cannot be changed in a network given by its graph "
            f"(got num_classes={num_classes}); replace its last layer"
        ) from error
    own = module.state_dict()
    (classifier,) = (node.name for node in new.graph if isinstance(node, nodes.Linear))
    fresh = new.get_submodule(classifier)
    assert isinstance(fresh, torch.nn.Linear)
    own[f"{classifier}.weight"] = _uniform(fresh.weight, fresh.in_features, seed)
    own[f"{classifier}.bias"] = torch.zeros(num_classes)
    new.load_state_dict(own)
    return new


def _blank(spec: Spec) -> Network:
    """Return a network to be filled; what torch draws for it leaves torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        return Network(spec).eval()


def _uniform(like: torch.Tensor, fan_in: int, seed: int) -> torch.Tensor:
    """Draw from ±1 / sqrt(fan_in), as torch does for a linear layer, by a generator of its own."""
    generator = torch.Generator().manual_seed(seed % 2**63)  # what torch takes, of any integer
    draws: torch.Tensor = (2 * torch.rand(like.shape, generator=generator) - 1) / fan_in**0.5
    return draws


def from_module(module: Any) -> tuple[Spec, Parameters]:
    """Binarise and pack a `bnas.cells.nn.Network`.

    Raises:
        ParametersError: Not such a network, one built with sign(0) = 0, or one that is not binary.
    """
    if not isinstance(module, Network):
        raise ParametersError(
            f"`module` must be a bnas.cells.nn.Network (got {type(module).__name__})"
        )
    if any(part.official_sign for part in module.modules() if isinstance(part, BinaryConv2d)):
        raise ParametersError(
            "`module` must take sign(0) = +1, as packed bits do (got a network built with "
            "official_sign=True; load its state into one without)"
        )
    check_is_binary(module.binarize)
    was_training = module.training
    module.eval()  # refreshes the weight scales
    state = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    module.train(was_training)
    return module.spec, from_state(prune(module.spec.lower()), state)


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """Read a torch checkpoint without running code from it.

    Raises:
        WeightsFileError: The file is missing, a directory, or no regular file.
        ParametersError: It is damaged, or holds more than tensors and plain values.
    """
    check_is_file(Path(path))
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise ParametersError(f"cannot read {os.fspath(path)!r} ({error.strerror})") from error
    except Exception as error:
        # torch raises many kinds, and its text advises to run the file's code: none of it is told.
        raise ParametersError(
            f"{os.fspath(path)!r} is no torch checkpoint of plain tensors, or it is truncated or "
            "damaged; a file that holds code is not run"
        ) from error


def as_arrays(state: Any) -> dict[str, np.ndarray]:
    """Return a mapping of names to tensors or arrays as NumPy arrays."""
    return {
        str(name): value.detach().cpu().float().numpy()
        if isinstance(value, torch.Tensor)
        else np.asarray(value)
        for name, value in state.items()
    }
