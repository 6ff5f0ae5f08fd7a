"""The parts of the inventory page that show how stock stands: what to do, classes, age, space, layout."""
