"""The protocol servers, the broker and the books of the plant in a box."""
