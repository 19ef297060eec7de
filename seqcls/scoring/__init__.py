"""New data -> scores: `nightly` finds files, `chunks` scores and commits, `publish` copies; `lineage` looks back."""
