"""Public-domain tunes that the project encodes: what the samples of all datasets are made of."""
