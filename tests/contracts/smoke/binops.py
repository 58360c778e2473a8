"""bnas-binops alone: pack, unpack, and a convolution against plain NumPy."""

from __future__ import annotations

import numpy as np

from bnas import binops

rng = np.random.default_rng(0)
images = rng.standard_normal((2, 5, 7, 6)).astype(np.float32)
filters = rng.standard_normal((4, 5, 3, 3)).astype(np.float32)
signs, filter_signs = (np.where(array >= 0, 1, -1) for array in (images, filters))

np.testing.assert_array_equal(binops.unpack(binops.pack(images, axis=1)), signs)

padded = np.pad(signs, ((0, 0), (0, 0), (1, 1), (1, 1)))
windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
counts = binops.conv2d(images, filters, stride=2, padding=1)
assert counts.dtype == np.int32
np.testing.assert_array_equal(counts, np.einsum("nchwyx,ocyx->nohw", windows, filter_signs))
assert "cuda" in binops.backends()
