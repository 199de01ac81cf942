"""Random changes of a batch, each a function of the batch and a seed."""
