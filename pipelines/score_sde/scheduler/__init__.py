"""The forward processes of `ScoreSDEPipeline`."""
