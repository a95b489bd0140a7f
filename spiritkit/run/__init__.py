"""Running the steps of a recipe."""
