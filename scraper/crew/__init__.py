"""Files fetched by several processes, where one core is too few for it.

channel     messages between two processes
crew        the process of the run: hands files to workers, and hears how they ended
home        what stays with the run's own transport
forms       what of a file travels
worker      a worker: an event loop of libcurl, and files that land

What Python does for a file takes longer than what libcurl, the kernel and the server do for it, and threads share one
interpreter. So a long list is fetched by forked workers. All that has to be known once stays with the process of the
run: the ledger, names, the scheduler and its slots, robots.txt, retries. A worker makes one exchange, lands its file
(download/landing.py, as ever) and tells the result; for the ledger it asks. It never outlives the run: where its
channel ends, it ends at once.

Not for the crew: files whose parts are continued or split, and files that help each other. They stay at home, with a
transport of the run's own process.
"""
