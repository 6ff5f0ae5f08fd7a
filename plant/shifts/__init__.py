"""When people work: shifts, crews, holidays and planned events as local dates and clocks. No polars, no UTC tables."""
