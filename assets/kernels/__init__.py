"""assets/kernels."""
