# Needs Python 3.11 or later and make, nothing else. The README has the same commands for Windows.
#   make run       execute every solution notebook; pages in build/run/
#   make test      lint, types, tests, drift of generated files, every notebook
#   make test-all  also what takes long
#   make lab       JupyterLab on your own copies of the notebooks, in work/
#   make grade-demo  grade three submissions of a small assignment
#   make bench     measure speed
#   make format    tidy the code
#   make clean     remove what was generated; never work/

PYTHON ?= python3
BIN := .venv/bin
CORES = $$($(BIN)/python -m course_utils.machine)
# One thread each: kernels side by side that wait for one another's threads take three times as long.
NBVAL = COURSE_STATIC=1 COURSE_PROGRESS=off OMP_NUM_THREADS=1 $(BIN)/pytest --nbval-lax --nbval-current-env

ifeq ($(shell command -v uv 2>/dev/null),)
  CREATE := $(PYTHON) -m venv .venv
  INSTALL := $(BIN)/python -m pip install
else
  CREATE := uv venv --allow-existing --python $(PYTHON) .venv
  INSTALL := uv pip install --python .venv
endif

# With it every process would compile every module again.
unexport PYTHONDONTWRITEBYTECODE


.PHONY: run test test-all lab grade-demo bench format clean

run: .venv/.installed
	$(BIN)/course run

test: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/course build --check
	$(BIN)/pytest -m "not slow" -n $(CORES) --dist worksteal
	$(NBVAL) -n $(CORES) --dist loadscope notebooks

test-all: test
	$(BIN)/pytest -m slow

# nbgrader, which tests need, would show students a button that calls every notebook valid.
lab: .venv/.installed
	$(BIN)/jupyter labextension disable @jupyter/nbgrader
	$(BIN)/course start
	$(BIN)/jupyter lab work

grade-demo: .venv/.installed
	-$(BIN)/course grade examples/submissions --assignment examples/assignment --out build/grade-demo

bench: .venv/.installed
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit; done

format: .venv/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Installed once, and again when the dependencies change.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "The course needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make PYTHON=python3.12"; exit 1; }
	$(CREATE)
	$(INSTALL) --editable ".[dev]" --constraint constraints.txt
	touch $@
