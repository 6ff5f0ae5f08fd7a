"""What the inventory page reads of stock as it stands: the part of `dashboards.data` for it."""

from __future__ import annotations

from dashboards.data import _cached
from warehouse.marts import stock

replenishment = _cached(stock.replenishment)
classes = _cached(stock.stock_classes)
ageing = _cached(stock.stock_ageing)
space = _cached(stock.space_use)
slotting = _cached(stock.slotting)
differences = _cached(stock.stock_differences)
