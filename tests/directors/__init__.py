"""Whole pairs, in the lab's kernels in which time travels: `make directors`."""
