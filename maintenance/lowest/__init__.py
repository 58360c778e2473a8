"""Each package's tests against the lowest versions that it declares.

Every package gets an environment of its own, `.venv-lowest-<package>`: its wheel, the wheels of the
siblings that it needs, and the lowest versions that these declare, but of `bounds.NOT_LOWERED`. The
tests that need no extra run first, when nothing else is installed: this is the package alone. Then
the extras come, but for `bounds.NO_EXTRAS`, and the rest of its tests run.
"""
