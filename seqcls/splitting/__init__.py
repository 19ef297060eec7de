"""Checked rows -> train, valid, test: `dividing` cuts shares, `leakage` looks for doubles, `split` is the stage."""
