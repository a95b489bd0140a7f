"""Loudness and brightness as units: a plugin to learn from."""
