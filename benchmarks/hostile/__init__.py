"""Hostile files: whole ones, ways to spoil them, and the doors that they knock at."""
