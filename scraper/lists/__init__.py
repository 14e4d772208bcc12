"""Lists of any length, a row at a time: txt, csv, tsv, jsonl, parquet.

    files.find      the files that `list:` names, sorted by name
    source.columns  what the head of a file says its rows have
    source.rows     the rows of all files, one after the other; those that are done are passed over cheaply

A row is a mapping whose texts are clean (page/nodes.py), or a `Broken` that says why it is
none: one bad line costs one row. A reader holds a block of its file, never the file, and
refuses a row that is larger than `lines.LONGEST`. What a format needs is imported when a
list of it is opened: a plain `scraper get -i urls.txt` loads neither csv nor json.
"""
