"""One command a study: questions about encoders and data, answered with a table and a picture."""
