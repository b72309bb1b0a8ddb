"""Monophonic notation: PrIMuS tokens, and the formats that they come from and go to."""
