"""Which production days are stale and why: input hashes, receipts, the plan, what a day opens with."""
