"""Stock: its ledger, day by day and as it stands, by age, class and space, what is on its way and where it lies."""
