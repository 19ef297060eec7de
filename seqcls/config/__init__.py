"""One TOML file -> frozen records, read once at the border."""

from seqcls.config.loading import LoadedPipeline, load_pipeline, parse_pipeline
from seqcls.config.pipeline import Pipeline, config_digest

__all__ = ["LoadedPipeline", "Pipeline", "config_digest", "load_pipeline", "parse_pipeline"]
