"""Encoded rows for training and scoring: splits, batches, folds."""
