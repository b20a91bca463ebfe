"""Deciding is pure: everything here is real, and nothing is patched."""
