"""Arrays of numbers in files from outside: MATLAB's, and NumPy's without unpickling."""
