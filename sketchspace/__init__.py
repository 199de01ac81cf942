"""Find things by drawing them: galleries of drawings and photos, and the encoders that search them."""
