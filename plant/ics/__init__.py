"""The plant's calendar as RFC 5545 text (.ics): written for other programs, read from them. `icalendar` comes late."""
