"""Supply chain: order lines against their dates, suppliers and customers, lead times, prices, files for partners."""
