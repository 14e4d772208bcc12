"""What went over the wire, kept so that it can be read, and answered from, again.

`taken` says what one exchange was; `warc` writes and reads them; `recorder` takes them down while a run goes on; `site`
answers from them.
"""
