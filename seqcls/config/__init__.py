"""One TOML file -> frozen records, read once at the border."""

from seqcls.config.changes import AnyConfig, ChangedConfig
from seqcls.config.loading import LoadedPipeline, load_pipeline, parse_pipeline
from seqcls.config.pipeline import Pipeline, content_key

__all__ = ["AnyConfig", "ChangedConfig", "LoadedPipeline", "Pipeline", "content_key", "load_pipeline", "parse_pipeline"]
