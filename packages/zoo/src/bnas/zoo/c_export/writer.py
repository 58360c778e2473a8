"""Steps in C: every step of a program becomes a function that calls kernels."""

from __future__ import annotations

from bnas.zoo.c_export import bit_steps, float_steps
from bnas.zoo.c_export.code import Code
from bnas.zoo.c_export.dead_zeros import ZeroSigns
from bnas.zoo.program import steps as kinds


def write_step(step: kinds.Step, code: Code) -> None:
    """Add the function of one step to the code."""
    match step:
        case kinds.Load():
            pass  # The image is there before the first step: callers bring it in two forms.
        case kinds.BinaryConv():
            bit_steps.write_binary_conv(step, code)
        case ZeroSigns():
            bit_steps.write_zero_signs(step, code)
        case kinds.Pack():
            bit_steps.write_pack(step, code)
        case kinds.PoolBits():
            bit_steps.write_pool_bits(step, code)
        case kinds.Unpack():
            bit_steps.write_unpack(step, code)
        case kinds.Fill():
            float_steps.write_fill(step, code)
        case kinds.Copy():
            float_steps.write_elementwise(step, code, "copy_floats", flags=(0,))
        case kinds.AddTo():
            float_steps.write_elementwise(step, code, "copy_floats", flags=(1,))
        case kinds.Scale():
            affine = step.affine
            float_steps.write_elementwise(
                step, code, "affine_floats", affine.multiplier, affine.offset
            )
        case kinds.ReLU():
            float_steps.write_elementwise(step, code, "relu_floats")
        case kinds.RPReLU():
            float_steps.write_elementwise(
                step, code, "rprelu_floats", step.shift_in, step.slope, step.shift_out
            )
        case kinds.RealConv():
            float_steps.write_real_conv(step, code)
        case kinds.MaxPool():
            float_steps.write_pool(step, code, step.window, is_max=True)
        case kinds.AvgPool():
            float_steps.write_pool(step, code, step.window, is_max=False)
        case kinds.GlobalAvgPool():
            float_steps.write_means(step, code)
        case kinds.Linear():
            float_steps.write_linear(step, code)
        case _:
            raise TypeError(f"no C for {type(step).__name__}")
