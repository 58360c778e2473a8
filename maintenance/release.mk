# `make release PKG=zoo` cuts one release: version, changelog, wheel and sdist, commit and tag; DRY_RUN=1 shows it and leaves nothing.
VENV_RELEASE ?= .venv-release
RELEASE_TOOLS := attrs build griffelib hatchling packaging pathspec tomlkit towncrier twine
CLEAN_VENVS += $(VENV_RELEASE)
# DRY_RUN=0, no and false are no dry run; whatever else is given is one.
IS_DRY = $(filter-out 0 no false,$(DRY_RUN))
.PHONY: release check-package

release: check-package $(VENV_RELEASE)/.stamp  ## release PKG=…: the version (VERSION=1.2.0, BUMP=minor), changelog, checks, tag; DRY_RUN=1
	@$(VENV_RELEASE)/bin/python -m maintenance.release "$(PKG)" $(if $(VERSION),--version "$(VERSION)") \
	  $(if $(BUMP),--bump "$(BUMP)") $(if $(IS_DRY),--dry-run)

# Told before an environment is made for nothing.
check-package:
	@$(if $(filter 1,$(words $(PKG))),:,echo "name one package: make release PKG=zoo" >&2; exit 1)

$(VENV_RELEASE)/.stamp: constraints.txt maintenance/release.mk | check-python
	@$(call IS_OURS,$(VENV_RELEASE))
	@$(PYTHON) -m venv --clear $(VENV_RELEASE)
	@$(VENV_RELEASE)/bin/pip install $(PIP_FLAGS) $(RELEASE_TOOLS)
	@touch $@
