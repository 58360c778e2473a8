"""What the tests of `bnas.search` share: a network of 10,000 weights and images of two colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from bnas import cells, search


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fix the number of threads: sums depend on it, and these networks gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_spec() -> cells.NetworkSpec:
    return cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=2, channels=4, num_classes=2
    )


@pytest.fixture(scope="session")
def coloured() -> Callable[[int, int], search.ImageSet]:
    """Make `coloured(count, seed)`: noise of 8x8 pixels, class 0 reddish and class 1 bluish."""

    def make(count: int, seed: int) -> search.ImageSet:
        source = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 160, (count, 3, 8, 8), generator=source)
        labels = torch.randint(0, 2, (count,), generator=source)
        images[torch.arange(count), 2 * labels] += 80
        return search.ImageSet(images.to(torch.uint8), labels, ("red", "blue"))

    return make


@pytest.fixture(scope="session")
def data(coloured: Callable[[int, int], search.ImageSet]) -> search.TrainingData:
    return search.TrainingData(train=coloured(50, 1), holdout=coloured(30, 2))


@pytest.fixture
def full_memory() -> Callable[..., None]:
    """Stand in for a training step that finds the memory of the GPU full."""

    def step(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")

    return step
