PYTHON ?= python3

.PHONY: native
native:  # the Python extension, in the tree
	cmake -S . -B build -G Ninja -DSINTER_PYTHON=ON -DPython_EXECUTABLE="$$(command -v $(PYTHON))" \
	  -Dpybind11_DIR="$$($(PYTHON) -m pybind11 --cmakedir)"
	cmake --build build
	cmake --install build --prefix .
