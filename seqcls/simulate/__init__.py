"""Simulated data for the three worked examples: reviews, electrocardiograms, DNA. See docs/simulated-data.md."""
