"""Where a lot came from and where it went: walks over lot links, quantities, mass balance, recall, EPCIS.

`graph` walks, `flow` shares quantities out, `paths` lists the ways, `balance` holds what was made against what became
of it, `making` says where and when, `starts` finds the lots of a machine's window, `recall` puts the report together,
`epcis` writes it as events. Lots are numbers here (their places among sorted names); `warehouse.lineage` knows the
names.
"""
