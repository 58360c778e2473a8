# The nightly profile: lanes that take too long for every change. `make nightly LANES=hypothesis,coverage` chooses, `CASES=2000` tries, `RESUME=1` keeps
# what passed with these very sources, `REQUIRE_ALL=1` fails where a lane lacks its data.
LANES ?=
CASES ?=
RESUME ?=
REQUIRE_ALL ?=

.PHONY: nightly
nightly: $(VENV_DEV)/.stamp-nightly  ## hours: 100,000 cases a backend, coverage, accuracies, benchmarks by ratio, and more
	@$(VENV_DEV)/bin/python -m maintenance.nightly $(if $(LANES),--lanes '$(LANES)') $(if $(CASES),--cases $(CASES)) \
	  $(if $(RESUME),--resume) $(if $(REQUIRE_ALL),--require-all)

# On top of the development environment: what only this needs.
$(VENV_DEV)/.stamp-nightly: maintenance/nightly.mk $(VENV_DEV)/.stamp
	@$(VENV_DEV)/bin/pip install $(PIP_FLAGS) coverage
	@touch $@
