"""Exact pieces of finance, called by the kernels and by `verify` alike."""
