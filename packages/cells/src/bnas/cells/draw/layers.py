"""What a layer is called in a drawing, and its colour, read from its nodes of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from bnas.cells import nodes

#: Tone and label of a layer.
Name = tuple[str, str]


def layer_name(members: Sequence[nodes.Node]) -> Name:
    """Return the tone (key of `style.TONES`) and the label of a layer.

    Batch norm, sign and ReLU go without saying: they are part of every binary block.

    Args:
        members: Its nodes in order of computation; one at least is a convolution, a pooling,
            Zeroise or an identity.
    """
    convs = [node for node in members if isinstance(node, nodes.Conv)]
    if convs:
        return _convolutions(convs)
    return next(found for found in map(_unweighted, members) if found)


def _unweighted(node: nodes.Node) -> Name | None:
    match node:
        case nodes.Zero():
            return "zeroise", "Zeroise"
        case nodes.Identity():
            return "identity", "skip connect"
        case nodes.MaxPool():
            return "max_pool", f"{_size(node)} max pool{_stride(node)}"
        case nodes.AvgPool():
            return "avg_pool", f"{_size(node)} average pool{_stride(node)}"
    return None


def _convolutions(convs: Sequence[nodes.Conv]) -> Name:
    """Name a convolution, or the depthwise and pointwise ones that make a separable one."""
    first = convs[0]
    real = [not isinstance(conv, nodes.BinaryConv) for conv in convs]
    kind = "real" if all(real) else "binary"
    if first.kernel == 1 and first.groups == 1 and "ops." in first.name:
        # No primitive has a 1x1 window: this is how an identity halves the size.
        return "identity", f"skip connect{_stride(first)}, 1×1 {kind} conv"
    separable = len(convs) > 1
    grouped = not separable and first.groups > 1
    words = [_size(first)]
    words += ["dilated"] * (first.dilation > 1) + ["grouped"] * grouped
    words += [kind, "separable"] if separable else [kind]
    # Of a separable convolution, only what halves the size may be real: a depthwise one.
    mixed = any(real) and not all(real)
    label = f"{' '.join(words)} conv{'' if mixed else _stride(first)}"
    label += f", d={first.dilation}" if first.dilation > 1 else ""
    label += f", {first.groups} groups" if grouped else ""
    label += f", real depthwise{_stride(first)}" if mixed else ""
    return _tone(words, any(real)), label


def _tone(words: Sequence[str], any_real: bool) -> str:
    if any_real:
        return "real_conv"
    kind = next((word for word in ("separable", "grouped") if word in words), "binary")
    return f"{'dilated_' * ('dilated' in words)}{kind}_conv"


def _size(node: nodes.Conv | nodes.MaxPool | nodes.AvgPool) -> str:
    return f"{node.kernel}×{node.kernel}"


def _stride(node: nodes.Conv | nodes.MaxPool | nodes.AvgPool) -> str:
    return f" /{node.stride}" if node.stride > 1 else ""
