"""`scraper verify`: does what the ledger promises stand on the disk? (looking.py, checking.py)"""
