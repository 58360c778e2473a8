# `make lowest` runs each package's tests against the lowest versions that it declares: an environment a package, up to 2 GB each and half an
# hour in all; PKG=binops for one, LOWEST_ARGS=--alone for the tests that need no extra alone.
LOWEST_ARGS ?=
# The environment of release.mk, named here too: make reads this file first.
VENV_RELEASE ?= .venv-release
CLEAN_VENVS += $(wildcard .venv-lowest-*)
.PHONY: lowest

lowest: $(VENV_RELEASE)/.stamp  ## test the packages, or PKG=…, against their wheels and the lowest versions that they declare
	@$(VENV_RELEASE)/bin/python -m maintenance.lowest $(LOWEST_ARGS) $(PKG)
