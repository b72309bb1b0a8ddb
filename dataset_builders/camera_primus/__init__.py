"""Camera-PrIMuS: staves with their tokens and their sound, published or engraved."""
