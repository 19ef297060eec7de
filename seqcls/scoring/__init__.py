"""New data -> scores: `scoring_run` finds files, `chunks` scores and commits, `publish` copies, `lineage` traces."""
