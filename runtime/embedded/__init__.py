"""Real servers as child processes, for a laptop or CI: Apache Kafka, PostgreSQL and Valkey under one home folder.

    from runtime.embedded.servers import EmbeddedServers

    with EmbeddedServers(home) as servers:
        servers.endpoints()  # settings' fields and their values

Data, ports and passwords stay in the home, so a second start finds the same data at the same addresses.
Boundaries: one node each, for one machine, bound to 127.0.0.1; production brings its own servers.
"""
