"""Encoded Parquet -> weights: `epochs` is the loop, `checkpoints` make a retry a resume, `train` is the stage."""
