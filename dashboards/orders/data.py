"""What the page of orders reads: the marts of orders, kept until a table they read has a new Delta version.

The part of `dashboards.data` for orders; nothing is drawn and no SQL is written here.
"""

from __future__ import annotations

from dashboards.data import _cached
from warehouse.marts import orders as marts

orders = _cached(marts.orders)
variance = _cached(marts.order_variance)
costs = _cached(marts.order_costs)
operations = _cached(marts.order_operations)
wip = _cached(marts.wip)
cash = _cached(marts.cash_to_cash)
