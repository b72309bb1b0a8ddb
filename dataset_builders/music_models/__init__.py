"""The catalogue of models: the works of a survey of music modelling, from 1959 on."""
