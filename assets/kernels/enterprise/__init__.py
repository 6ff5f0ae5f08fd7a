"""From records of MES, WMS and ERP to typed rows."""
