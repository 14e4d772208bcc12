"""What a run would do: a dry run, asked before its scratch ledger is gone (`scraper plan`).

walk       the dry run, and what is gathered of it: pages, names, hosts
sizes      HEAD of a sample of the files, and the robots.txt that the others need
facts      what was gathered                                      (values)
estimate   facts -> Plan: sizes, and the time politeness takes    (pure)
lines      Plan -> lines for people                               (pure)
"""
