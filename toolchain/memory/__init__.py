"""Memory planning: where every buffer lies."""
