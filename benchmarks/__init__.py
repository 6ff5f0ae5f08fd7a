"""Benchmarks: ratios against a named peer or limit, CPU seconds, never a timed test. `make bench` runs them."""
