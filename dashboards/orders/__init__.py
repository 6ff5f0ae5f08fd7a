"""What the page of orders reads and draws."""
