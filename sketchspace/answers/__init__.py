"""From a query's file to hits, and to the sheet that shows them."""
