"""Compose and harmonise four-part chorales."""
