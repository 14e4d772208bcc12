"""What the ledger answers: why a URL ended as it did, what the runs of a job came to, how all jobs of a folder stand.

    why.py      the story of a URL or file; unmet.py: what may be said of one that no run met
    again.py    whether and how it is tried again
    runs.py     the runs of a job, with their counts; words.py: exit codes and times in words
    status.py   the jobs of a folder
    lines.py    a story as lines for people; table.py: columns

What is asked is a value (with `as_dict`, as `--json` prints it); lines are made of values alone.
"""
