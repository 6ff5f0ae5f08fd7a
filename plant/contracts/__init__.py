"""Every table contract of the house, by layer, in the order the data flow."""

from __future__ import annotations

from plant.contracts.bronze import BRONZE
from plant.contracts.enterprise import ENTERPRISE
from plant.contracts.finance import FINANCE
from plant.contracts.gold import GOLD
from plant.contracts.meta import META
from plant.contracts.proposals import PROPOSALS
from plant.contracts.silver import SILVER
from plant.contracts.stock import STOCK
from plant.contracts.supply import SUPPLY
from plant.tables import Table

ALL: tuple[Table, ...] = (*BRONZE, PROPOSALS, *SILVER, *ENTERPRISE, *GOLD, *FINANCE, *STOCK, *SUPPLY, *META)
