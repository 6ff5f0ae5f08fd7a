"""Gold of production and finance: orders against plan and standard, work in progress, cash to cash."""
