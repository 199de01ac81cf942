"""Files fetched over HTTP."""
