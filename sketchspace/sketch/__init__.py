"""The drawing as strokes: readers, simplification, the rasteriser."""
