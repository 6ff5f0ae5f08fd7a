"""What the page of orders reads: the marts of orders, kept until a table they read has a new Delta version.

The part of `dashboards.data` for orders; nothing is drawn and no SQL is written here.
"""

from __future__ import annotations

from dashboards.data import cached
from warehouse.marts import orders as marts

orders = cached(marts.orders)
variance = cached(marts.order_variance)
costs = cached(marts.order_costs)
operations = cached(marts.order_operations)
wip = cached(marts.wip)
cash = cached(marts.cash_to_cash)
