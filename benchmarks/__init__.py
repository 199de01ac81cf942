"""Measurements that take longer than tests; each file is a program."""
