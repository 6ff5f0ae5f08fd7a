"""What the supply page reads: the part of `dashboards.data` for suppliers and customers."""

from __future__ import annotations

from datetime import date

from assets.kernels.supply import sheets
from dashboards.data import cached, configured, connection, currency
from warehouse.marts import supply
from warehouse.marts.supply import Basis, Direction

__all__ = ["Basis", "Direction", "configured", "currency"]  # the page takes them from here

partners = cached(supply.supply_partners)
names = cached(supply.supply_names)
trend = cached(supply.supply_trend)
orders = cached(supply.supply_orders)
open_lines = cached(supply.supply_open)
backlog = cached(supply.supply_backlog)
unmatched = cached(supply.supply_unmatched)
lead_times = cached(supply.lead_times)
prices = cached(supply.price_variance)
FORMS = sheets.FORMS


def partner_file(direction: Direction, partner: str, called: str, since: date | None, form: str) -> bytes:
    """What `shopfloor export supplier` (or `customer`) writes of this partner, byte for byte.

    Raises:
        PlantError: the partner has no line due since then.
    """
    plant, con = configured(), connection()
    if plant is None:
        raise RuntimeError("asked for a partner's file where the plant is not known")
    lines = supply.supply_lines(con, direction=direction, partner=partner, since=since)
    orders = supply.perfect_orders(con, direction=direction, partner=partner, since=since)
    made = sheets.shared(lines, orders, direction, partner, plant.file.site[0].timezone, plant.file.plant.currency)
    return sheets.file_of(made, form, sheets.title_of(plant.name, direction, called))
