"""The KPIs by the standard or the house they are of."""
