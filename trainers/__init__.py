"""Trainers: one module per model, each with its configuration, its Trainer and a `main()`."""
