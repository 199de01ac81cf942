"""Which drawings are faulty."""
