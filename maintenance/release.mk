# `make release PKG=zoo` cuts one release: version, changelog, wheel and sdist, commit and tag; DRY_RUN=1 shows it and leaves nothing.
VENV_RELEASE ?= .venv-release
RELEASE_TOOLS := attrs build griffelib hatchling packaging pathspec tomlkit towncrier twine
CLEAN_VENVS += $(VENV_RELEASE)
.PHONY: release

release: $(VENV_RELEASE)/.stamp  ## release PKG=…: the version (VERSION=1.2.0, BUMP=minor), changelog, checks, tag; DRY_RUN=1
	@$(if $(PKG),,echo "name the package: make release PKG=zoo" >&2; exit 1;) \
	  $(VENV_RELEASE)/bin/python -m maintenance.release $(PKG) $(if $(VERSION),--version $(VERSION)) \
	  $(if $(BUMP),--bump $(BUMP)) $(if $(filter-out 0,$(DRY_RUN)),--dry-run)

$(VENV_RELEASE)/.stamp: constraints.txt maintenance/release.mk | check-python
	@$(call IS_OURS,$(VENV_RELEASE))
	@$(PYTHON) -m venv --clear $(VENV_RELEASE)
	@$(VENV_RELEASE)/bin/pip install $(PIP_FLAGS) $(RELEASE_TOOLS)
	@touch $@
