"""seqcls trains sequence classifiers and scores new sequences with them. See README.md for the road."""

__version__ = "0.1.0"
