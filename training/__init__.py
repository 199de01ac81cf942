"""Everything with a step counter."""
