"""What the MES, WMS and ERP write down about it."""
