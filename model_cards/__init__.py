"""Card templates, one per artifact, filled by a training or building run."""
