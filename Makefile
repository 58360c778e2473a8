# Two commands do all the set-up: `make demo` (no torch) and `make test` (everything). Both leave a stamp in their
# environment, so that a second call starts at once; a change of a pyproject, of constraints.txt or of this file renews it.
PYTHON ?= python3
VENV_DEMO ?= .venv-demo
VENV_DEV ?= .venv-dev
PYTEST_ARGS ?=
# Processes that run tests side by side, each whole files of them; 0: one after the other, in half as much time again.
TEST_WORKERS ?= 2
# torch's threads wait in loops for each other: two processes of two threads on two cores do little else.
TEST_THREADS := $(if $(filter-out 0 1,$(TEST_WORKERS)),OMP_NUM_THREADS=1)
BENCH_ARGS ?=
DEMO_PICTURE ?= demo.png
# If set, pytest's exit status goes to this file and make itself succeeds: how .ci/run hands the status on.
PYTEST_STATUS ?=

PIP_FLAGS := --quiet --disable-pip-version-check --constraint constraints.txt
TORCH := torch==2.13.0
TORCHVISION := torchvision==0.28.0
# onnxruntime runs the ONNX models that tests export; ptxas (in nvcc's wheel) and nvdisasm make and show the machine code of kernels for GPUs.
DEV_TOOLS := build griffelib hypothesis onnxruntime pytest pytest-xdist ruff towncrier nvidia-cuda-nvcc nvidia-cuda-nvdisasm
# The Python of the machine that `make device-wheels` is for, and what that machine lacks to run the tests marked gpu, too.
DEVICE_PYTHON ?= 3.12
DEVICE_PACKAGES := attrs cattrs typing_extensions click rich markdown-it-py mdurl Pygments pooch platformdirs packaging \
  hypothesis sortedcontainers pytest pluggy iniconfig
# Environments that chores make for themselves.
CLEAN_VENVS =
PROJECTS := $(wildcard packages/*/pyproject.toml) tools/pyproject.toml
SET_UP := Makefile constraints.txt $(PROJECTS)

# An environment is made anew, and removed, only where one was or nothing is: VENV_DEV=$HOME must not empty a home.
IS_OURS = [ ! -e $(1) ] || [ -f $(1)/pyvenv.cfg ] || { \
  echo "$(1) exists and is no virtual environment: choose another folder" >&2; exit 1; }

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint bench bench-cuda cards device-wheels clean check-python

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV_DEMO)/.stamp  ## set up an environment without torch, classify the bundled photos, save a picture
	@$(VENV_DEMO)/bin/python -m bnas.tools.main demo --out $(DEMO_PICTURE)

test: $(VENV_DEV)/.stamp  ## set up the development environment, run the tests but those marked gpu and slow
	@$(TEST_THREADS) $(VENV_DEV)/bin/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS) $(if $(PYTEST_STATUS),|| echo $$? > $(PYTEST_STATUS))

lint: $(VENV_DEV)/.stamp  ## check the code with ruff
	$(VENV_DEV)/bin/python -m ruff check .
	$(VENV_DEV)/bin/python -m ruff format --check .

bench: $(VENV_DEV)/.stamp-bench  ## set up the runtimes to compare with, measure, renew benchmarks/RESULTS.md
	@$(VENV_DEV)/bin/python -m benchmarks $(BENCH_ARGS)

bench-cuda: $(VENV_DEV)/.stamp  ## the parts of it that need an NVIDIA GPU
	@$(VENV_DEV)/bin/python -m benchmarks --only cuda,cuda_networks $(BENCH_ARGS)

cards: $(VENV_DEV)/.stamp  ## count the zoo's models anew, renew the table of their cards in packages/zoo/README.md
	@$(VENV_DEV)/bin/python -m bnas.zoo.card_table

device-wheels:  ## what a GPU machine with torch but without network still needs, into build/device-wheels
	$(PYTHON) -m pip download $(PIP_FLAGS) --no-deps --only-binary :all: --python-version $(DEVICE_PYTHON) \
	  -d build/device-wheels $(DEVICE_PACKAGES)

clean:  ## remove the environments and what the tools left
	@$(call IS_OURS,$(VENV_DEMO))
	@$(call IS_OURS,$(VENV_DEV))
	@$(foreach folder,$(CLEAN_VENVS),{ $(call IS_OURS,$(folder)); } &&) true
	rm -rf $(VENV_DEMO) $(VENV_DEV) $(CLEAN_VENVS) .pytest_cache .hypothesis .ruff_cache .mypy_cache build dist $(DEMO_PICTURE)
	find packages tools tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

check-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "BNAS needs Python 3.11 or newer (got PYTHON=$(PYTHON)); if there is one, name it: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }

# hatchling goes in first: the editable installs then share it instead of building one isolated environment each.
$(VENV_DEMO)/.stamp: $(SET_UP) | check-python
	@$(call IS_OURS,$(VENV_DEMO))
	@echo "setting up $(VENV_DEMO): no torch, about 400 MB on disk"
	@$(PYTHON) -m venv --clear $(VENV_DEMO)
	@$(VENV_DEMO)/bin/pip install $(PIP_FLAGS) hatchling
	@$(VENV_DEMO)/bin/pip install $(PIP_FLAGS) --no-build-isolation \
	  -e packages/binops -e 'packages/cells[draw]' -e packages/zoo -e tools
	@touch $@

$(VENV_DEV)/.stamp: $(SET_UP) | check-python
	@$(call IS_OURS,$(VENV_DEV))
	@echo "setting up $(VENV_DEV): torch and all the rest, 2.2 GB on disk or more"
	@$(PYTHON) -m venv --clear $(VENV_DEV)
	@$(VENV_DEV)/bin/pip install $(PIP_FLAGS) hatchling $(TORCH)
	@$(VENV_DEV)/bin/pip install $(PIP_FLAGS) --no-deps $(TORCHVISION)
	@$(VENV_DEV)/bin/pip install $(PIP_FLAGS) --no-build-isolation $(DEV_TOOLS) \
	  -e 'packages/binops[testing,cuda]' -e 'packages/cells[nn,draw,testing]' -e 'packages/search[plot,tensorboard]' \
	  -e 'packages/zoo[torch,parquet,onnx]' -e 'tools[search,ray]'
	@touch $@

# On top of the development environment, and only for `make bench`: the runtimes that no test needs.
$(VENV_DEV)/.stamp-bench: $(VENV_DEV)/.stamp
	@$(VENV_DEV)/bin/pip install $(PIP_FLAGS) --no-build-isolation -e 'tools[bench]' \
	  -e packages/binops -e packages/cells -e packages/zoo
	@touch $@

# Each chore of the maintainers has a file of its own.
include $(wildcard maintenance/*.mk)
