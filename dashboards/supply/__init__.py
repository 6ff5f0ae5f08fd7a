"""The parts of the page of suppliers and customers."""
