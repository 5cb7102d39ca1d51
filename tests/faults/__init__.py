"""The fault harness: a whole ledger on real servers, a load, and faults drawn from one seed (docs/promises.md).

    make faults SEED=7 MINUTES=2

schedule  which fault happens when, from the seed alone
house     servers and workers, and everything that can be done to them
wires     loopback proxies that can be cut, silenced and slowed
exchange  the venue, outside the code under test: it keeps its own record of every execution
load      the clients: what they asked for and what they were told
mischief  repeated, reordered and unreadable inputs
oracle    what must be true, judged from the clients' and the venue's records and the raw bytes on Kafka
plants    bugs that the harness puts into the code to show that it finds them
run       one seed from beginning to end
"""
