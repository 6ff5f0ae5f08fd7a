"""What a cumulative counter or meter says: the class of every step, and what is booked, held back or neither."""
