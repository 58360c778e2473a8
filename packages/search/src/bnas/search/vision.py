"""The one place that imports torchvision.

The usual torchvision wheel is built for CUDA. Next to a CPU build of torch its compiled operators
do not load, and the import stops at ``operator torchvision::nms does not exist``, although data
sets and transforms need none of them. Declaring the two missing operators is enough.
"""

from __future__ import annotations

import functools
import importlib
import re
from types import ModuleType

from torch import library as operators

_MISSING_OPERATOR = re.compile(r"operator torchvision::q?nms does not exist")
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@functools.cache
def torchvision() -> ModuleType:
    """Return the module `torchvision`, with `datasets` and `transforms` imported.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: The import failed for another reason than the operators nms and qnms.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if not _MISSING_OPERATOR.search(str(error)):
            raise
        _declare_operators()
    importlib.import_module("torchvision.datasets")
    importlib.import_module("torchvision.transforms")
    return importlib.import_module("torchvision")


@functools.cache
def _declare_operators() -> operators.Library:
    # The declarations live as long as this object, so the cache has to hold on to it.
    library = operators.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    return library
