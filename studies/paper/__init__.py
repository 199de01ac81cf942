"""Which drawings keep their class when they are photographed, scanned or framed."""
