"""Encoded rows as training and scoring read them: splits, batches, folds."""
