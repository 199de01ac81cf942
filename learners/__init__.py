"""Losses and the update: no architecture."""
