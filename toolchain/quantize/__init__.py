"""From float to integers."""
