"""Benchmarks: ratios against a named peer or limit, CPU seconds, never a timed test. `make bench` runs them."""

import pipelines  # noqa: F401 - the allocator's settings, before polars is imported
