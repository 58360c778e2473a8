# The documentation as a site, in an environment of its own: no torch, since sources are read and not run (but for the command line).
VENV_DOCS ?= .venv-docs
DOCS_PORT ?= 8000
# The command line is imported for its reference, and needs attrs and click only. ruff sets signatures in lines.
DOCS_TOOLS := attrs click mkdocs-material 'mkdocstrings[python]' ruff
# Without a word about other site generators.
MKDOCS = NO_MKDOCS_2_WARNING=1 PYTHONPATH=tools/src $(VENV_DOCS)/bin/python -m mkdocs

.PHONY: docs docs-serve docs-clean

# Not --quiet: mkdocs counts only the warnings that it shows.
docs: $(VENV_DOCS)/.stamp  ## build the documentation into build/site; open build/site/index.html, no server is needed
	@$(MKDOCS) build --strict
	@echo "build/site/index.html"

docs-serve: $(VENV_DOCS)/.stamp  ## show the documentation on this machine, and build it anew when a page changes; DOCS_PORT=8000
	@$(MKDOCS) serve --dev-addr 127.0.0.1:$(DOCS_PORT)

$(VENV_DOCS)/.stamp: maintenance/docs.mk constraints.txt | check-python
	@$(call IS_OURS,$(VENV_DOCS))
	@echo "setting up $(VENV_DOCS): 170 MB on disk"
	@$(PYTHON) -m venv --clear $(VENV_DOCS)
	@$(VENV_DOCS)/bin/pip install $(PIP_FLAGS) $(DOCS_TOOLS)
	@touch $@

clean: docs-clean

docs-clean:
	@$(call IS_OURS,$(VENV_DOCS))
	rm -rf $(VENV_DOCS)
