"""The drawing itself: strokes, readers, pixels. NumPy, OpenCV, orjson and Pillow; no TensorFlow."""
