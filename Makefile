# Needs Python 3.11 or newer and make. `make tutorial` on a fresh machine is all it takes to begin.

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NOTEBOOK := notebooks/train_and_register_pytorch.ipynb
MAGICS := notebooks/magics.ipynb
SOURCES := trainer widgets jupyter_ext notebooks benchmarks tests
# How the notebook is executed as a test: quickly, with nothing downloaded, and nothing of the user's touched; caches
# (XDG_CACHE_HOME) are shared.
TRIED := $(CURDIR)/out/notebook-test
QUICK := TUTORIAL_COMPUTE=local TUTORIAL_GPU=no TUTORIAL_DATA=drawn TUTORIAL_MODEL=tiny TUTORIAL_EPOCHS=8 \
	TUTORIAL_MINIMUM_ACCURACY=0.9 TUTORIAL_FOLDER=$(TRIED) TRAINDOCK_WORKSPACE=$(TRIED)/workspace \
	XDG_DATA_HOME=$(TRIED)/home/data XDG_CONFIG_HOME=$(TRIED)/home/config XDG_STATE_HOME=$(TRIED)/home/state

# nbval, which only the notebook needs, takes each process that runs tests two seconds to import. There is one more of them
# than there are cores, since tests wait a quarter of the time, and threads that numpy and torch start by themselves would
# only wait for each other. Who is done takes some of what another one has left.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:nbval -n $(WORKERS) --dist worksteal --ignore=tests/docker \
	--ignore=tests/browser
# Playwright has an event loop in the process that other tests would stumble over.
BROWSER := $(BIN)/python -m pytest -p no:nbval tests/browser
# One browser leaves a third of two cores idle. What is measured in a page is measured in one, alone.
BROWSERS := $(BROWSER) -n 2 --dist worksteal -m 'not soak'
# `make lint` checks the types for the oldest.
PYTHONS ?= 3.14

# Where node came from PyPI it is there.
export PATH := $(abspath $(BIN)):$(PATH)

# The tests start hundreds of interpreters, which would otherwise compile all that they import, each time.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help tutorial lab build words docs test executed views containers browser soak pictures check bench lint types format clean

help:
	@echo 'make tutorial   train and register a model by the sample notebook; says where everything is'
	@echo '                TUTORIAL_COMPUTE=docker make tutorial: the same in a container'
	@echo 'make lab        start JupyterLab with Traindock on the folder of the tutorial'
	@echo 'make build      build the TypeScript of the cards again, after changes to it; reload the page to see them'
	@echo 'make words      collect what translators translate, into out/traindock.pot'
	@echo 'make test       lint, types, all tests, and the notebooks'
	@echo 'make docs       of these, the docs site alone, into out/site, with all its links checked'
	@echo 'make containers of these, the tests in containers alone: they need an engine, see CONTRIBUTING.md'
	@echo 'make browser    of these, the tests in a browser alone: they need Chromium'
	@echo 'make soak       more of these, which take many minutes: kernels of several versions, floods, logs of 1 GB,'
	@echo '                more container tests, and all of them on a rootless engine (as root)'
	@echo 'make pictures   take the pictures of docs/ again: cards of real runs, in Chromium'
	@echo 'make check      lint and the quick tests, in under two minutes on two cores'
	@echo 'make bench      measure Traindock beside what else one would use; PEERS=<python with benchmarks/peers.txt>'
	@echo 'make lint       ruff, mypy, vermin, biome, tsc        make format   rewrite by ruff'
	@echo 'make types      mypy for the newest Python that Traindock runs on; PYTHONS="3.12 3.13": for others'
	@echo 'make clean      remove what the others made, .venv included'

$(READY): pyproject.toml package.json yarn.lock .ci/make-venv
	@VENV='$(VENV)' .ci/make-venv
	@touch $@

# Jupyter refuses to run as root unless it is told to.
lab: $(READY)
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

build: $(READY)
	jlpm build

words: $(READY)
	jlpm words

tutorial: $(READY)
	@$(BIN)/python notebooks/run_notebook.py $(NOTEBOOK)

# What takes one processor each goes two at a time, the longest first. A browser and containers do not: it breaks its connections off
# whenever the network of a container comes or goes.
test: $(READY)
	$(MAKE) -j2 views executed lint types docs
	$(PYTEST) -m 'not soak'
	$(BROWSERS)
	$(BIN)/python .ci/test-containers

executed: $(READY)
	rm -rf '$(TRIED)'
	$(QUICK) $(BIN)/python -m pytest --nbval-lax -p no:cacheprovider -q $(NOTEBOOK) $(MAGICS)

views: $(READY)
	jlpm test

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

containers: $(READY)
	$(BIN)/python .ci/test-containers

browser: $(READY)
	$(BROWSERS)

soak: $(READY)
	$(MAKE) types PYTHONS='3.12 3.13'
	$(PYTEST) -m soak
	$(BROWSER) -m soak -rP
	$(BIN)/python .ci/test-containers --soak

pictures: $(READY)
	$(BIN)/python -m tests.browser.pictures $(PICTURES)

check: lint
	jlpm test
	$(PYTEST) -q -m 'not slow and not soak'

bench: $(READY)
	$(BIN)/python -m benchmarks $(if $(PEERS),--peers '$(PEERS)')

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vermin --quiet --no-tips --target=3.8- --violations trainer/traindock/runtime trainer/traindock/images/containers/fill.py
	jlpm check

types: $(READY)
	@for version in $(PYTHONS); do echo "mypy --python-version $$version"; \
		$(BIN)/mypy --python-version $$version || exit 1; done

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	jlpm format

clean:
	rm -rf .venv node_modules out build dist jupyter_ext/lib jupyter_ext/jupyterlab_traindock/labextension \
		widgets/traindock_widgets/static notebooks/tutorial .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
