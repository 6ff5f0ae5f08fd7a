"""What was known when: revisions of rows, KPIs as known at an instant, why a number changed, sign-offs of numbers."""
