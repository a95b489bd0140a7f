"""Serializers that ship with the core."""
