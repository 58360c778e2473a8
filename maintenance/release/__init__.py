"""One package's release: its next version, its changelog, its wheel and sdist, its tag."""
