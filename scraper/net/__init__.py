"""The network: sessions, retries, hosts."""
