"""What changes, as it changes: runs and lists followed by pages through one websocket each.

A follower's place is a cursor made of offsets into the files of a run, so that nothing is kept for it in memory, and a
broken connection, another page or a restarted server goes on where it stopped.
"""
