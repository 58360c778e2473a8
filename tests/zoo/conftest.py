"""A small packed network with lively batch norms, shared by the tests of the zoo.

torch waits for the first fixture that needs it: many tests here run where there is none.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bnas import cells, zoo

if TYPE_CHECKING:
    import torch

    from bnas.cells.nn import Network


def enliven(module: Network, seed: int) -> Network:
    """Give a fresh network batch norms of every kind: rising, falling, constant; dead filters."""
    import torch

    from bnas.cells.nn import BatchNorm2d, BinaryConv2d

    generator = torch.Generator().manual_seed(seed)

    def random(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator)

    def rare(like: torch.Tensor) -> torch.Tensor:
        return torch.rand(like.shape, generator=generator) < 0.1

    module.eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, BatchNorm2d):
                part.running_mean.copy_(random(part.running_mean) / 2)
                part.running_var.copy_(random(part.running_var).abs() + 0.2)
                if part.affine:
                    part.weight.copy_(random(part.weight))
                    part.weight[rare(part.weight)] = 0
                    part.bias.copy_(random(part.bias) / 2)
                    part.bias[rare(part.bias)] = 0
            elif isinstance(part, BinaryConv2d):
                part.weight.copy_(random(part.weight) / 4)
                part.project_latent_()
                part.weight_scale[rare(part.weight_scale)] = 0
    return module


@pytest.fixture(scope="session")
def small_spec() -> cells.NetworkSpec:
    """Six cells of the published CIFAR-10 genotype, six channels."""
    return cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=6, channels=6)


@pytest.fixture(scope="session")
def small_module(small_spec: cells.NetworkSpec) -> Network:
    """The torch module of `small_spec`, in evaluation mode."""
    import torch

    from bnas.cells.nn import Network

    torch.manual_seed(0)
    return enliven(Network(small_spec), 0)


@pytest.fixture(scope="session")
def small_network(small_module: Network) -> zoo.PackedNetwork:
    """The same, packed, and planned for `images` by this CPU's best kernels.

    Planned here: left to its first call, that might be by a test that forces other kernels, whose
    floats differ in the last bit.
    """
    network = zoo.pack(small_module)
    network.program(16, 16)
    return network


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Five normalised images, float32 (5, 3, 16, 16)."""
    return np.random.default_rng(0).standard_normal((5, 3, 16, 16)).astype(np.float32)


@pytest.fixture(scope="session")
def enliven_network() -> Callable[[Network, int], Network]:
    """Give a fresh network lively batch norms: `enliven`."""
    return enliven


@pytest.fixture(scope="session")
def lively_network() -> Callable[..., Network]:
    """Make `lively_network(spec, seed=0)`: fresh, with lively batch norms and RPReLUs."""
    import torch

    from bnas.cells.nn import Network, RPReLU

    def make(spec: cells.Spec, seed: int = 0) -> Network:
        torch.manual_seed(seed)
        module = Network(spec)
        for part in module.modules():
            if isinstance(part, RPReLU):
                for value in part.parameters():
                    torch.nn.init.normal_(value)
        return enliven(module, seed)

    return make


def _checked(command: Sequence[str | Path], data: bytes = b"") -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout


@pytest.fixture(scope="session")
def c_compiler() -> str:
    """The C compiler of this machine, which the tests of exported C need."""
    found = (shutil.which(name) for name in ("gcc", "cc", "clang"))
    compiler = next((path for path in found if path), None)
    if compiler is None:
        pytest.fail("these tests need a C compiler: gcc, cc or clang on the PATH")
    return compiler


@pytest.fixture(scope="session")
def sanitizers(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Flags that make programs end at an access or a value that C leaves undefined.

    None where the compiler came without the libraries for it.
    """
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    folder = tmp_path_factory.mktemp("sanitizers")
    source, program = folder / "empty.c", folder / "empty"
    source.write_text("int main(void) { return 0; }")
    command = [c_compiler, *flags, source, "-o", program]
    done = subprocess.run(command, capture_output=True, check=False)
    return flags if done.returncode == 0 else ()


@pytest.fixture
def run_c(c_compiler: str, tmp_path: Path) -> Callable[..., bytes]:
    """Compile C files without a warning and run the program: `run_c(files, data, …)`.

    The first of `files` (name -> text) is compiled, the others lie beside it. The program reads
    `data` and is given `arguments`; what it writes is returned.
    """
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]

    def run(
        files: dict[str, str],
        data: bytes = b"",
        *,
        flags: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> bytes:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="ascii")
        first, program = tmp_path / next(iter(files)), tmp_path / "program"
        _checked([c_compiler, "-std=c99", *strict, *flags, first, "-o", program])
        return _checked([program, *arguments], data)

    return run
