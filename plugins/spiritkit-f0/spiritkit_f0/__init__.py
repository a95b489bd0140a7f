"""Fundamental frequency (FCPE, pYIN) and the pitch units made from it."""
