"""Finance of production: orders against plan and standard, what time costs, work in progress, cash to cash."""
