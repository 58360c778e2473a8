"""Arrays on a GPU: recognised, viewed without a copy, and made like the caller's."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from bnas.binops.arrays import as_array, is_on_gpu
from bnas.binops.cuda import arrays, libraries
from bnas.binops.cuda.copy_kernels import MOST_AXES, copy_strided, merged_axes
from bnas.binops.errors import DeviceError, DtypeError, ShapeError


class Capsule:
    """An array that speaks DLPack alone, and says that it lives on a GPU."""

    def __init__(self, array):
        self.array = array
        self.streams = []

    def __dlpack__(self, *, stream):
        self.streams.append(stream)
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return (2, 0)


class Tensor:
    """What of a torch tensor is used; its memory is the host's."""

    def __init__(self, array, dtype, **others):
        self.array, self.dtype = array, dtype
        self.is_cuda, self.requires_grad, self.layout = True, False, "torch.strided"
        self.device = types.SimpleNamespace(index=1)
        self.is_neg = lambda: False
        self.shape = array.shape
        self.__dict__.update(others)

    def data_ptr(self):
        return self.array.ctypes.data

    def element_size(self):
        return self.array.itemsize

    def stride(self):
        return tuple(step // self.array.itemsize for step in self.array.strides)

    def new_empty(self, shape, dtype):
        return Tensor(np.empty(shape, dtype), f"torch.{np.dtype(dtype)}", device=self.device)


@pytest.fixture
def torch(monkeypatch):
    """A torch that has CUDA, as far as that is used."""
    stream = types.SimpleNamespace(cuda_stream=77)
    module = types.SimpleNamespace(
        Tensor=Tensor,
        uint8=np.uint8,
        cuda=types.SimpleNamespace(current_stream=lambda device: stream),
    )
    monkeypatch.setitem(sys.modules, "torch", module)


def read(array):
    """Copy an array to the host through the copy kernel."""
    out = array.empty(array.shape, array.dtype)
    if array.size:
        copy_strided(array, out)()
    return np.array(out.owner.copy_to_host()).reshape(array.shape)


def test_arrays_of_the_host_are_not_on_a_gpu():
    for value in (np.ones(3), [1.0], np.float32(1), memoryview(b"12"), object()):
        assert not is_on_gpu(value)


def test_arrays_of_a_gpu_are_recognised(on_gpu, foreign):
    values = on_gpu(np.ones(3))
    assert is_on_gpu(values)
    assert is_on_gpu(foreign(values))
    with pytest.raises(DtypeError, match="must be an array of numbers in host memory"):
        as_array(values, "x")


def test_numba_s_array_is_viewed_without_a_copy(on_gpu):
    values = on_gpu(np.arange(12, dtype=np.float32).reshape(3, 4))
    found = arrays.as_gpu_array(values, "x")
    assert (found.shape, found.steps, found.dtype) == ((3, 4), (4, 1), "float32")
    assert found.is_contiguous
    assert found.start == 0
    with arrays.using({"x": found}) as stream:
        memory = found.memory("uint32")
        assert memory.shape == (12,)
        copied = memory.copy_to_host(stream=stream)
    np.testing.assert_array_equal(copied.view(np.float32), np.arange(12))
    assert isinstance(found.empty((2,), "uint8").owner, type(values))


def test_an_unknown_library_s_stream_is_used_and_not_waited_for(on_gpu, foreign):
    found = arrays.as_gpu_array(foreign(on_gpu(np.ones((2, 2))), stream=5), "x")
    assert found.stream == 5
    assert arrays.as_gpu_array(foreign(on_gpu(np.ones((2, 2)))), "x").stream == 0


def test_dlpack_is_read_where_nothing_else_is_spoken():
    values = np.arange(24, dtype=np.int16).reshape(4, 6)[::2, 1:]
    capsule = Capsule(values)
    assert is_on_gpu(capsule)
    found = arrays.as_gpu_array(capsule, "x")
    assert capsule.streams == [arrays.LEGACY_STREAM]
    assert (found.shape, found.steps, found.dtype) == ((2, 5), (12, 1), "int16")
    assert found.pointer == values.ctypes.data
    assert found.device == 0
    assert isinstance(found.maker, libraries.Numba)


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "f2", "f4", "i8", "u8", "f8"])
def test_dlpack_names_types(dtype):
    values = np.zeros(3, dtype)
    assert arrays.as_gpu_array(Capsule(values), "x").dtype == values.dtype.name


def test_torch_s_words_are_used(torch):
    values = np.zeros((2, 3, 4), np.uint16)
    tensor = Tensor(values, "torch.bfloat16")
    assert is_on_gpu(tensor)
    found = arrays.as_gpu_array(tensor, "x")
    assert (found.pointer, found.device, found.stream) == (values.ctypes.data, 1, 77)
    assert (found.steps, found.dtype) == ((12, 4, 1), "bfloat16")
    assert found.empty((5,), "uint8").owner.shape == (5,)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"requires_grad": True}, "requires grad"),
        ({"layout": "torch.sparse_coo"}, "sparse_coo"),
        ({"is_neg": lambda: True}, "resolve_neg"),
    ],
)
def test_a_tensor_that_cannot_be_read_is_refused(torch, others, message):
    with pytest.raises(DtypeError, match=message):
        arrays.as_gpu_array(Tensor(np.ones(2), "torch.float32", **others), "x")


def test_a_tensor_of_the_host_is_not_on_a_gpu(torch):
    assert not is_on_gpu(Tensor(np.ones(2), "torch.float32", is_cuda=False))


def test_cupy_s_words_are_used(monkeypatch):
    made = []

    class Array:
        data = types.SimpleNamespace(ptr=64)
        shape, strides, dtype = (2, 2), (8, 4), np.dtype("f4")
        device = types.SimpleNamespace(id=3)
        __cuda_array_interface__ = None

    class Device:
        def __init__(self, number):
            self.number = number

        def __enter__(self):
            made.append(self.number)

        def __exit__(self, *error):
            made.append("left")

    def empty(shape, dtype):
        made.append((shape, dtype))
        return Array()

    stream = types.SimpleNamespace(ptr=9)
    module = types.SimpleNamespace(
        ndarray=Array,
        empty=empty,
        cuda=types.SimpleNamespace(Device=Device, get_current_stream=lambda device: stream),
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    found = arrays.as_gpu_array(Array(), "x")
    assert (found.pointer, found.device, found.stream) == (64, 3, 9)
    found.empty((4,), "uint8")
    assert made == [3, ((4,), "uint8"), "left"]


@pytest.mark.parametrize("dtype", ["c8", "M8[s]", "S3"])
def test_types_without_signs_are_refused(on_gpu, foreign, dtype):
    shown = foreign(on_gpu(np.zeros(4, np.uint8)), typestr=np.dtype(dtype).str, shape=(1,))
    with pytest.raises(DtypeError, match="`x` must hold bools, integers, float16, bfloat16"):
        arrays.as_gpu_array(shown, "x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": object()}, "masked"),
        ({"typestr": ">f4"}, "bytes are swapped"),
        ({"strides": (6, 4)}, "strides of whole elements"),
        ({"typestr": "<V2"}, "no attribute 'dtype'"),
    ],
)
def test_arrays_that_kernels_cannot_read_are_refused(on_gpu, foreign, changes, message):
    shown = foreign(on_gpu(np.zeros((2, 1), np.float32)), **changes)
    with pytest.raises(DtypeError, match=message):
        arrays.as_gpu_array(shown, "x")


def test_arrays_on_two_gpus_are_refused(torch):
    one = arrays.as_gpu_array(Tensor(np.ones(2), "torch.float32"), "a")
    two = arrays.as_gpu_array(Capsule(np.ones(2)), "b")
    with (
        pytest.raises(DeviceError, match="got `a` on GPU 1, `b` on GPU 0"),
        arrays.using({"a": one, "b": two}),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x,
        lambda x: x[:, 1:, ::2],
        lambda x: x.transpose(2, 0, 1),
        lambda x: x[::-1, :, ::-2],
        lambda x: x[:0],
        lambda x: x[1:2, 2, 3:4],
    ],
)
@pytest.mark.parametrize("dtype", ["i1", "f2", "i4", "f8"])
def test_any_view_is_copied_into_c_order(on_gpu, foreign, view, dtype):
    values = np.arange(60).reshape(3, 4, 5).astype(dtype)
    whole = on_gpu(values)
    wanted = view(values)
    offset = wanted.__array_interface__["data"][0] - values.__array_interface__["data"][0]
    found = arrays.as_gpu_array(whole, "x")
    shown = foreign(
        whole, shape=wanted.shape, strides=wanted.strides, data=(found.pointer + offset, False)
    )
    viewed = arrays.as_gpu_array(shown, "x")
    assert viewed.is_contiguous == wanted.flags.c_contiguous
    np.testing.assert_array_equal(read(viewed), wanted)


def test_more_pieces_than_a_kernel_follows_are_refused(on_gpu, foreign):
    shape = (2,) * (MOST_AXES + 1)
    strides = tuple(4 * 3**axis for axis in range(MOST_AXES + 1))
    shown = foreign(
        on_gpu(np.zeros(3 ** (MOST_AXES + 1), np.float32)), shape=shape, strides=strides
    )
    found = arrays.as_gpu_array(shown, "x")
    with pytest.raises(ShapeError, match=f"{MOST_AXES} axes at most"):
        copy_strided(found, found.empty(shape, "float32"))


def test_neighbouring_axes_are_merged():
    assert merged_axes((2, 3, 4), (12, 4, 1)) == [(24, 1)]
    assert merged_axes((2, 1, 4), (9, 5, 1)) == [(2, 9), (4, 1)]
    assert merged_axes((1, 1), (7, 7)) == []
    assert merged_axes((4, 3), (0, 0)) == [(12, 0)]
