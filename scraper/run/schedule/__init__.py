"""When jobs are due, and what starts them: a loop of our own, systemd's timers, or cron.

times.py      the times of a cron line in a time zone
jobs.py       the jobs of a folder, as they stand on disk now
decide.py     what is due, what may start, why it is late: values in, values out
loop.py       asks the clock, decides, starts, waits; remembers
memory.py     what was done already, kept in a file
children.py   real runs, each a process of its own
calendar.py   a cron line as systemd says it
systemd.py    units; crontab.py: lines; install.py: which of them, written and removed
"""
