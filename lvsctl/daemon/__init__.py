"""Again and again: look, decide, act, report."""
