"""Networks by name: the nine of BNAS, those they are compared with, and the float twin of each.

References:
    Supplement of ECCV 2020 BNAS, Table 1; of the others, see `ResNetSpec` and `DartsSpec`.
"""

from __future__ import annotations

from typing import Literal, TypeVar, overload

import attrs

from bnas.cells.darts import DartsSpec
from bnas.cells.errors import UnknownNameError
from bnas.cells.genotype import genotypes
from bnas.cells.resnet import ResNetSpec
from bnas.cells.spec import NetworkSpec
from bnas.cells.specification import Spec
from bnas.cells.templates import TemplateName
from bnas.cells.twin import FloatTwin

#: Names that `list_specs` lists, for type checkers: the specification of each is a `NetworkSpec`.
BnasName = Literal[
    "BNAS-Mini", "BNAS-A", "BNAS-B", "BNAS-C", "BNAS-D", "BNAS-E", "BNAS-F", "BNAS-G", "BNAS-H"
]
_Spec = TypeVar("_Spec", bound=Spec)
# name: (genotype, template, cells, channels, classes)
_TABLE_1: dict[BnasName, tuple[str, TemplateName, int, int, int]] = {
    "BNAS-Mini": ("bnas-cifar10", "cifar", 10, 24, 10),
    "BNAS-A": ("bnas-cifar10", "cifar", 20, 36, 10),
    "BNAS-B": ("bnas-cifar10", "cifar", 12, 64, 10),
    "BNAS-C": ("bnas-cifar10", "cifar", 16, 108, 10),
    "BNAS-D": ("bnas-imagenet", "imagenet", 12, 64, 1000),
    "BNAS-E": ("bnas-imagenet", "imagenet", 12, 68, 1000),
    "BNAS-F": ("bnas-imagenet", "imagenet", 15, 68, 1000),
    "BNAS-G": ("bnas-imagenet", "imagenet", 11, 74, 1000),
    "BNAS-H": ("bnas-imagenet", "imagenet", 16, 128, 1000),
}
SPECS: dict[BnasName, NetworkSpec] = {
    name: NetworkSpec(
        genotype=genotypes[genotype],
        template=template,
        num_cells=num_cells,
        channels=channels,
        num_classes=num_classes,
    )
    for name, (genotype, template, num_cells, channels, num_classes) in _TABLE_1.items()
}


#: The networks that others published, to compare with; "BATS-style" is of their kind (`genotypes`).
BASELINES: dict[str, ResNetSpec | DartsSpec] = {
    "Bi-Real-18": ResNetSpec(block="sign_conv_bn", blocks=(2, 2, 2, 2)),
    "Bi-Real-34": ResNetSpec(block="sign_conv_bn", blocks=(3, 4, 6, 3)),
    "XNOR-ResNet-18": ResNetSpec(block="bn_sign_conv", blocks=(2, 2, 2, 2)),
    "XNOR-ResNet-34": ResNetSpec(block="bn_sign_conv", blocks=(3, 4, 6, 3)),
    "ResNet-18": ResNetSpec(block="conv_bn_relu", blocks=(2, 2, 2, 2)),
    "ResNet-34": ResNetSpec(block="conv_bn_relu", blocks=(3, 4, 6, 3)),
    "DARTS-V2": DartsSpec(genotype=genotypes["darts-v2"]),
    "BATS-style": DartsSpec(genotype=genotypes["bats-style"]),
    "BATS-style-real": DartsSpec(genotype=genotypes["bats-style"], downsampling="real"),
}
#: What the name of a float twin ends in.
_TWIN = ".float"
_NAMED: dict[str, NetworkSpec | ResNetSpec | DartsSpec] = {
    **{str(name): found for name, found in SPECS.items()},
    **BASELINES,
}


def list_specs() -> tuple[BnasName, ...]:
    """Return the names of the nine published BNAS networks."""
    return tuple(SPECS)


def list_baselines() -> tuple[str, ...]:
    """Return the names of the networks that others published."""
    return tuple(BASELINES)


@overload
def spec(name: BnasName, **changes: object) -> NetworkSpec: ...
@overload
def spec(name: str, **changes: object) -> Spec: ...
def spec(name: str, **changes: object) -> Spec:
    """Return the specification of a published network.

    Args:
        name: One of `list_specs()` or `list_baselines()`, such as ``"BNAS-A"``; upper or lower
            case. With ``.float`` after it, the network's float twin.
        changes: Fields to replace, such as ``num_classes=200``.

    Returns:
        A `NetworkSpec`, a `ResNetSpec` or a `DartsSpec`; a `FloatTwin` of one.

    Raises:
        UnknownNameError: No network has this name, or no field; the nearest names are listed.
        SpecError: A changed field is outside its range.
    """
    folded = str(name).lower()
    by_folded_name = {known.lower(): known for known in _NAMED}
    known = by_folded_name.get(folded.removesuffix(_TWIN))
    if known is None:
        raise UnknownNameError("model", name, _NAMED)
    found = changed(_NAMED[known], **changes)
    return FloatTwin(found) if folded.endswith(_TWIN) else found


def changed(spec: _Spec, **changes: object) -> _Spec:
    """Return a specification with other fields.

    Args:
        spec: The network; of a float twin, the fields are those of its network.
        changes: Fields to replace.

    Returns:
        A specification of the same class.

    Raises:
        UnknownNameError: The specification has no such field; the nearest names are listed.
        SpecError: A changed field is outside its range.
    """
    if isinstance(spec, FloatTwin):
        return attrs.evolve(spec, spec=changed(spec.spec, **changes))
    fields = [item.name for item in attrs.fields(type(spec))]  # type: ignore[arg-type]
    unknown = sorted(set(changes) - set(fields))
    if unknown:
        raise UnknownNameError("field", unknown[0], fields)
    return attrs.evolve(spec, **changes)  # type: ignore[misc]


def name_of(spec: Spec, *, exactly: bool = False) -> str:
    """Return the name under which a network was published, or an empty string.

    Args:
        spec: The network.
        exactly: Whether the number of classes, and of convolutions at the end that keep real
            weights, must be the published ones too.
    """
    if isinstance(spec, FloatTwin):
        name = name_of(spec.spec, exactly=exactly)
        return name + _TWIN if name else ""
    free = () if exactly else ("num_classes", "real_weight_tail")
    for name, known in _NAMED.items():
        if type(known) is type(spec):
            same = {part: getattr(spec, part) for part in free if hasattr(known, part)}
            if attrs.evolve(known, **same) == spec:
                return name
    return ""
