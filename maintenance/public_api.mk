.PHONY: public-api

public-api: $(VENV_DEV)/.stamp  ## renew packages/*/public-api.txt, if changelog fragments tell of the changes
	@$(VENV_DEV)/bin/python -m maintenance.public_api --write
