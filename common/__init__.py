"""What every room may use: user errors, safe file writing, and the frame of a command."""
