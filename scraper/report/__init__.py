"""What a run came to, as one HTML page that needs nothing beside it (docs/report.md).

make       the page of a run, written beside its summary          <- run/after.py, cli/report.py
overview   the page of many runs

facts, changes, failures, logs, settings     what is asked: of the ledger, the log, the job
pictures                                     thumbnails (owns Pillow)
parts, page, charts, style                   what is seen
markup                                       the only place where HTML is made
"""
