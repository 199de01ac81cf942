"""Galleries: indexed pictures on disk, searched by squared Euclidean distance."""
