"""Hugging Face-native datasets, models, pipelines and Spaces around music scores."""

__version__ = "0.1.0"
