"""The ResNets of bnas-cells are those of torchvision, which bnas-search brings."""

from __future__ import annotations

import pytest
import torch

from bnas import cells
from bnas.cells.nn import Network
from bnas.search.vision import torchvision


@pytest.mark.parametrize(("name", "depth"), [("ResNet-18", 18), ("ResNet-34", 34)])
def test_real_networks_are_torchvision_s(name: str, depth: int) -> None:
    theirs = getattr(torchvision().models, f"resnet{depth}")(num_classes=10).eval()
    ours = Network(cells.spec(name, num_classes=10)).eval()
    with torch.no_grad():
        for part in theirs.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.1)
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
