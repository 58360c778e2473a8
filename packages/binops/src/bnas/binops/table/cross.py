"""Compile the generated kernels for a CPU that is not this one, to look at their instructions."""

from __future__ import annotations

from collections.abc import Callable

import llvmlite.binding as llvm
from llvmlite import ir

from bnas.binops.table import emitters, rows
from bnas.binops.table.fma import ProductEmitter, block_of, emit_product
from bnas.binops.table.isa import Isa
from bnas.binops.table.lanes import I64
from bnas.binops.table.tile import TileEmitter

#: Arguments of each kernel.
_ARGUMENTS = {
    "tile": 8,
    "threshold": 7,
    "compare": 7,
    "scale": 12,
    "spread": 9,
    "stage": 9,
    "copy": 3,
    "halve": 4,
    "copy_rows": 6,
    "take_rows": 6,
    "halve_rows": 7,
    "dot": 4,
    "sum": 3,
    "pool": 5,
    "mean": 4,
    "product": 8,
    "products": 9,
}
KERNELS = tuple(_ARGUMENTS)


def _emitter(isa: Isa, kernel: str) -> Callable[[ir.IRBuilder, list[ir.Value]], None]:
    """What emits a kernel, in the size that runs most."""
    wide = isa.lanes == 64
    if kernel == "tile":
        return TileEmitter(isa, *((2, 4) if wide else (1, 5))).emit
    if kernel == "product":
        block = block_of(isa)
        return ProductEmitter(isa, block.vectors).emit
    if kernel == "products":
        return lambda builder, arguments: emit_product(builder, isa, arguments)
    emit = getattr(rows, f"emit_{kernel}", None) or getattr(emitters, f"emit_{kernel}")
    return lambda builder, arguments: emit(builder, isa, arguments)


def assembly(isa: Isa, kernel: str) -> str:
    """Compile one kernel for an instruction set and return the assembly.

    Args:
        isa: The instruction set.
        kernel: One of `KERNELS`.

    Raises:
        KeyError: No kernel has the name.
    """
    return assembly_of(isa, kernel, _emitter(isa, kernel), _ARGUMENTS[kernel])


def assembly_of(
    isa: Isa, name: str, emit: Callable[[ir.IRBuilder, list[ir.Value]], None], arguments: int
) -> str:
    """Compile what an emitter emits for an instruction set and return the assembly.

    Args:
        isa: The instruction set.
        name: Name of the function.
        emit: Emits its body.
        arguments: Number of its arguments, all int64.
    """
    module = ir.Module(name=name)
    module.triple = isa.triple
    kind = ir.FunctionType(ir.VoidType(), [I64] * arguments)
    function = ir.Function(module, kind, name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emit(builder, list(function.args))
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(isa.triple)
    features = ",".join(f"+{feature}" for feature in isa.features)
    machine = target.create_target_machine(features=features, opt=3)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    builder_options = llvm.create_pipeline_tuning_options(speed_level=3)
    llvm.create_pass_builder(machine, builder_options).getModulePassManager().run(
        parsed, llvm.create_pass_builder(machine, builder_options)
    )
    return str(machine.emit_assembly(parsed))
