"""What the inventory page reads of stock as it stands: the part of `dashboards.data` for it."""

from __future__ import annotations

from dashboards.data import cached
from warehouse.marts import stock

replenishment = cached(stock.replenishment)
classes = cached(stock.stock_classes)
ageing = cached(stock.stock_ageing)
space = cached(stock.space_use)
slotting = cached(stock.slotting)
differences = cached(stock.stock_differences)
