# The build with Pants (docs/adr/0014-pants-beside-pip.md): each goal by itself, since several in one call stop at the first that fails. The
# first run fetches what it needs, some minutes; what did not change is not done again.
ifneq ($(shell command -v pants 2>/dev/null),)
PANTS ?= pants
else
PANTS ?= maintenance/pants/offline.sh
endif
PANTS_SINCE ?= HEAD~1
# pants.toml's pants_distdir: dist holds the files of releases, until somebody uploads them.
PANTS_DIST := build/pants
.PHONY: pants pants-clean pants-locks

pants: | check-python  ## build, check and test with Pants all that needs no torch; wheels into build/pants
	$(PANTS) tailor --check ::
	$(PANTS) update-build-files --check ::
	$(PANTS) lint ::
	$(PANTS) check ::
	$(PANTS) test ::
	rm -rf $(PANTS_DIST)
	$(PANTS) package ::
	$(PYTHON) -m maintenance.built_wheels $(PANTS_DIST)
	@if git rev-parse --quiet --verify '$(PANTS_SINCE)^{commit}' >/dev/null; then \
	  echo "what a change since $(PANTS_SINCE) reaches:"; \
	  $(PANTS) --changed-since=$(PANTS_SINCE) --changed-dependents=transitive list; \
	else echo "no commit $(PANTS_SINCE) here to compare with; PANTS_SINCE=… names another"; fi

pants-locks: | check-python  ## lock anew what Pants uses, in the ranges of maintenance/pants/*.txt
	$(PANTS) generate-lockfiles

clean: pants-clean

pants-clean:
	rm -rf .pants.d .pids
