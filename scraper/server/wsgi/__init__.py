"""WSGI applications behind the same connections (PEP 3333).

    site.mount("/api", app)                     # SCRIPT_NAME is /api, PATH_INFO what follows
    prefix, app = read_mount("/api=httpbin:app")

`environ` makes what an application is given, `start` judges what it says, `pieces` hands its body on, `call` is one
call from the one to the other, `load` imports applications by name.

The body of a request is whole before the application is called, so `wsgi.input` ends where it ends, chunked or not
(`wsgi.input_terminated`). The answer is not: each piece goes out before the next is asked for, by Content-Length
where the application tells one, by chunks or by closing where not. An application that fails before its first piece
is a 500; after it the connection ends without the end of the answer, for nothing else can still be told.
"""

from scraper.server.wsgi.call import Application, answer_wsgi
from scraper.server.wsgi.environ import FileWrapper, make_environ
from scraper.server.wsgi.load import read_mount

__all__ = ["Application", "FileWrapper", "answer_wsgi", "make_environ", "read_mount"]
