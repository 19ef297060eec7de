"""One TOML file -> frozen records, read once at the border."""

from seqcls.config.pipeline import LoadedPipeline, Pipeline, config_digest, load_pipeline, parse_pipeline

__all__ = ["LoadedPipeline", "Pipeline", "config_digest", "load_pipeline", "parse_pipeline"]
