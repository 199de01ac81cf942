"""Any source to a data set folder."""
