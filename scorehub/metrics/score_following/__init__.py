"""Metrics of score followers; the folder is the metric's repository on the Hub, see its README.md."""
