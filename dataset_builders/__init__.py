"""Dataset builders: importing this package makes `load_dataset("musicscore")` work."""

from scorehub.dataset_builders.load_hook import install

install()
