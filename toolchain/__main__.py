"""`python -m toolchain`."""

from toolchain.cli import main

main()
