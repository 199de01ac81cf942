"""The variational recurrent network."""
