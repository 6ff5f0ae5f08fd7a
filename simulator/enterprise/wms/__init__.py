"""The warehouse system's side of the plant: bins and their ways, late bookings, its own statements of stock."""
