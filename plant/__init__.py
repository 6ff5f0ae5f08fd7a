"""The plans of the house: configuration, table contracts, calendar, words. Known to all rooms, knows none."""
