"""Metrics: generated piano rolls against real ones, copies of training rolls, repaired passages, score followers."""
