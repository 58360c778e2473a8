# Static types: mypy strict in two worlds, complete public types by pyright, small programs of users under both.
# The environment holds the checkers (pyright with a Node of its own, 360 MB) and what the packages need without torch.
VENV_TYPES ?= .venv-types

.PHONY: types clean-types
types: $(VENV_DEV)/.stamp $(VENV_TYPES)/.stamp  ## check the types with mypy, with and without torch, and with pyright
	@$(VENV_TYPES)/bin/python -m maintenance.types --packages $(VENV_DEV)

$(VENV_TYPES)/.stamp: maintenance/types.mk constraints.txt | check-python
	@$(call IS_OURS,$(VENV_TYPES))
	@echo "setting up $(VENV_TYPES): mypy and pyright, about 500 MB on disk"
	@$(PYTHON) -m venv --clear $(VENV_TYPES)
	@$(VENV_TYPES)/bin/pip install $(PIP_FLAGS) mypy basedpyright attrs cattrs click hypothesis numpy packaging pillow pytest rich
	@touch $@

clean: clean-types
clean-types:
	@$(call IS_OURS,$(VENV_TYPES))
	rm -rf $(VENV_TYPES)
