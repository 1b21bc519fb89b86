"""Benchmarks: ratios against a named baseline in the same run, never pass or fail of a test."""
