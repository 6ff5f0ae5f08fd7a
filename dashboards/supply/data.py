"""What the supply page reads: the part of `dashboards.data` for suppliers and customers."""

from __future__ import annotations

from dashboards.data import _cached, currency
from warehouse.marts import supply
from warehouse.marts.supply import Basis, Direction

__all__ = ["Basis", "Direction", "currency"]  # the page takes them from here

partners = _cached(supply.supply_partners)
trend = _cached(supply.supply_trend)
orders = _cached(supply.supply_orders)
open_lines = _cached(supply.supply_open)
backlog = _cached(supply.supply_backlog)
lead_times = _cached(supply.lead_times)
prices = _cached(supply.price_variance)
