# Two words to know: `make run` and `make test`.
PYTHON ?= # the quickest python3 on the PATH
VENV := .venv
BIN := $(VENV)/bin
# Each of the programs that are started would compile our code again: some 0.6 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test reset bench lint demo-trace payment-drill help

run: $(VENV)/.run ## start everything and print where to sign in
	@exec $(BIN)/python -m tiktoktoe.launcher run

test: $(VENV)/.dev ## lint, import contracts, types, templates and all tests
	@exec $(BIN)/python -m tiktoktoe.launcher test

bench: $(VENV)/.dev ## measured ratios, in one run
	@exec $(BIN)/python -m tiktoktoe.launcher bench

demo-trace: $(VENV)/.dev ## a real usage trace through the whole river, recounted
	@exec $(BIN)/python -m tiktoktoe.launcher demo-trace

payment-drill: $(VENV)/.dev ## payments under faults on three gateways; PAYMENTS=200 SEED=1 DATED=
	@exec $(BIN)/python -m tiktoktoe.launcher payment-drill --payments $(or $(PAYMENTS),200) --seed $(or $(SEED),1) $(if $(DATED),--dated)

lint: $(VENV)/.dev ## the static checks alone
	@exec $(BIN)/python -m tiktoktoe.launcher lint

reset: ## forget all data and start afresh at the next run
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m tiktoktoe.launcher reset; else rm -rf .data; fi

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/uv: requirements/bootstrap.txt
	@python=$$($(or $(PYTHON),python3) tiktoktoe/launcher/quickest_python.py $(PYTHON)) && echo "Making the virtual environment with $$python" && $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.run: requirements/run.txt requirements/spec.txt $(BIN)/uv
	@echo "Installing packages"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/run.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/spec.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what tests need"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@
