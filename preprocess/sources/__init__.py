"""One source of data a file, and what several of them read by."""
