# `make demo` and `make test` do everything on a fresh machine that has Python 3.11+ and a C++17 compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NATIVE := $(shell find kernels runtime -name '*.cc' -o -name '*.h' -o -name '*.hpp' -o -name '*.inc' -o -name CMakeLists.txt)

.PHONY: demo test check bench native clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(STAMP): $(BIN)/python pyproject.toml CMakeLists.txt $(NATIVE)
	$(BIN)/python -m pip install --quiet --editable '.[dev,peers]'
	touch $@

demo: $(STAMP)
	$(BIN)/python -m toolchain build examples/digits/digits.onnx --target host --output build/digits.sinter
	$(BIN)/python examples/digits/show.py build/digits.sinter/model.sntr

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	find kernels runtime tests benchmarks -name '*.cc' -o -name '*.h' -o -name '*.hpp' | xargs $(BIN)/clang-format --dry-run --Werror

test: check
	$(BIN)/python -m pytest -n 2

bench: $(STAMP)
	$(BIN)/python -m benchmarks.models --threads 1 --threads 2 --json build/bench/models.json --plot build/bench/models.svg

native:  # the Python extension, in the tree, for $(PYTHON)
	cmake -S . -B build -G Ninja -DSINTER_PYTHON=ON -DPython_EXECUTABLE="$$(command -v $(PYTHON))" \
	  -Dpybind11_DIR="$$($(PYTHON) -m pybind11 --cmakedir)"
	cmake --build build
	cmake --install build --prefix .

clean:
	rm -rf build $(VENV)
