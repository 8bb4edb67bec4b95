# sr2fhir: `make help` lists what can be made. Needs git, make and Python 3.11 or later; everything else is fetched.
# Nothing is written outside this folder.

PYTHON ?= python3
INPUT ?= samples
OUT ?= out
ENGINE ?=
BUNDLE ?=
BENCH ?=
IDENTITY ?=

BIN := .venv/bin
export PIP_CACHE_DIR := $(CURDIR)/build/cache/pip

.DEFAULT_GOAL := help
.PHONY: help setup transform test check lint typecheck pytest coverage bench ig wheel terminology docs lock clean distclean
.PHONY: runtime dev fml-engine demo

help: ## list what can be made
	@echo "make setup       fetch and build what is needed (done by all others too)"
	@echo "make transform   turn SRs into FHIR Bundles: INPUT=samples OUT=out ENGINE=embedded BUNDLE=collection|transaction"
	@echo "make test        set up, then lint, type checks and all tests"
	@echo "make lint        ruff: rules and format; import-linter: which part may import which"
	@echo "make coverage    all tests, and how much of the package they run"
	@echo "make typecheck   mypy --strict"
	@echo "make demo        an SR goes through Orthanc and the gateway to a FHIR server, on this machine"
	@echo "make bench       measure start, warm transforms and growth with size; BENCH=gateway: kills and a long run"
	@echo "make ig          build the FHIR package build/package.tgz and build/ig, a folder for the IG Publisher;"
	@echo "                 under HL7's name: IDENTITY=fsh/guide/hl7.toml"
	@echo "make wheel       build a wheel that needs neither Node nor a checkout: build/dist"
	@echo "make fml-engine  build the independent engine fml with Rust's cargo: build/fml"
	@echo "make docs        write build/docs: the mapping rule by rule, with an index of concepts, and the table of rows"
	@echo "make terminology generate fsh/terminology/generated anew (after a change of pydicom)"
	@echo "make lock        resolve the Python lock files anew"
	@echo "make clean       remove compiled definitions and maps, and out/; keep what was fetched"
	@echo "make distclean   remove everything that was made"

runtime:
	@$(PYTHON) harness/bootstrap.py runtime

dev:
	@$(PYTHON) harness/bootstrap.py dev

setup: runtime
	@$(BIN)/sr2fhir setup

transform: runtime
	@$(BIN)/sr2fhir setup --quiet
	@$(BIN)/sr2fhir transform "$(INPUT)" --out "$(OUT)" $(if $(ENGINE),--engine $(ENGINE)) $(if $(BUNDLE),--bundle $(BUNDLE))

test: dev
	@$(BIN)/sr2fhir setup --quiet
	$(MAKE) --no-print-directory lint typecheck pytest

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=harness $(BIN)/lint-imports

typecheck: dev
	$(BIN)/mypy

pytest: dev
	$(BIN)/pytest

coverage: dev ## all tests, with the share of the lines of the package that they run
	$(BIN)/pytest --cov=sr2fhir --cov-report=term:skip-covered

bench: dev
	@$(BIN)/sr2fhir setup --quiet
	@PYTHONPATH=harness:. $(BIN)/python -m tools.bench $(BENCH)

demo: dev
	@$(BIN)/sr2fhir setup --quiet
	@PYTHONPATH=harness:. $(BIN)/python -m tools.demo

ig: runtime
	@$(BIN)/sr2fhir setup --quiet
	@$(BIN)/python -m tools.guide $(if $(IDENTITY),--identity "$(IDENTITY)")

wheel: runtime
	@$(BIN)/sr2fhir setup --quiet
	@$(BIN)/python -m tools.wheel

docs: runtime
	@$(BIN)/sr2fhir setup --quiet
	@$(BIN)/python -m tools.guide.docs

# Without --locked: the crate's own lock names root certificates so new that mirrors may not have them yet.
# What cargo fetches lies in cargo's own home, as always.
FML_VERSION := 0.2.0
fml-engine:
	CARGO_TARGET_DIR=build/tmp/fml cargo install fml-cli --version $(FML_VERSION) --ignore-rust-version --root build/fml
	@rm -rf build/tmp/fml

terminology: runtime
	@$(BIN)/python -m tools.terminology

# Needs uv on the PATH (pip install uv). The locks hold versions and sha256 for every platform, and no address.
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
lock:
	$(UV_COMPILE) $(UPGRADE) --all-extras pyproject.toml locks/build.in --output-file locks/runtime.txt
	$(UV_COMPILE) $(UPGRADE) --all-extras pyproject.toml locks/build.in locks/dev.in --constraint locks/runtime.txt --output-file locks/dev.txt
	$(UV_COMPILE) $(UPGRADE) locks/node.in --output-file locks/node.txt

clean:
	rm -rf out build/demo build/docs build/ig build/package.tgz build/package-maps-r4.tgz build/dist build/fsh build/definitions build/examples build/maps build/engine build/tmp build/setup.json
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf build .venv
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
