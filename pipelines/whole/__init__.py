"""Silver tables kept whole: what each is made of, and which are stale."""
