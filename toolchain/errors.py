"""The two kinds of failure that a user meets."""


class InputError(Exception):
    """Bad input: a model, file or argument that cannot be accepted. The command line exits with 2."""


class CheckError(Exception):
    """A budget or a check that was asked for and missed. The command line exits with 1."""
