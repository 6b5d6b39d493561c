"""Writers of what a target runs."""
