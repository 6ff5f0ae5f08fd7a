"""What happens on the shop floor: working time, orders, machines, buffers, failures."""
