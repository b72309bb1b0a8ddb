"""MSMD: page or strip images of piano scores whose noteheads know when they sound."""
