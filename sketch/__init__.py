"""The drawing itself: strokes, readers, pixels. NumPy and OpenCV only."""
