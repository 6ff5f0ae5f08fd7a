"""The parts of the failure model: rows of one mode, its trial on unseen time, calibration, scores, storage."""
