"""DadaGP: Guitar Pro songs as tokens, read as notes."""
