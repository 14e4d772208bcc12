"""parfive's Downloader without progress: `parfive_files.py LIST DEST JOBS SPLITS`."""

import sys

from parfive import Downloader, SessionConfig


def main(listed, dest, jobs, splits):
    """Every URL of the list."""
    loader = Downloader(int(jobs), int(splits), progress=False, overwrite=True, config=SessionConfig())
    with open(listed, encoding="ascii") as file:
        for url in file.read().split():
            loader.enqueue_file(url, path=dest, filename=url.rpartition("/")[2])
    results = loader.download()
    sys.exit(4 if results.errors else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
