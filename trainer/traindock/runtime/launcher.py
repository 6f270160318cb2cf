"""The launcher under which every job runs: ``python -I -S launcher.py <driver/launch.json>``.

The dispatcher starts it in a session of its own and forgets it: the launcher survives its dispatcher, and any later
dispatcher learns from three files what happened. It takes an exclusive ``flock`` on the run's lock file and keeps
it for life; it writes a *started* mark before it executes anything, so that no script ever runs twice; it waits
for the script and for everything the script left behind; and it records the end. Standard library only, Python 3.8
or later. This file is only the way in, since Python compiles it anew for each job; the work is done by
``supervisor`` (the records) and ``job_process`` (the job's processes), which come from the bytecode cache.

``launch.json`` (an object; all keys but the last four are required)::

    run_id, attempt       for the records
    argv, cwd, env        the job's full command, working directory and complete environment
    stdout                the job's standard output and error are appended here
    lock, started, exit   the three files by which the launcher is known
    grace_seconds         between SIGTERM and SIGKILL
    max_seconds           the job is ended as timed out after this; null: never
    held_fds              inherited descriptors to keep open for life and from the job (GPU leases)
    error, lost           files for bootstrap.py's ``--error`` and ``--lost``, made here before the disk can fill up
    own_group             whether the job has its control group for itself, as in a container
    leases                GPU leases that cannot be inherited, as in a container: pairs of a lock file, which may be
                          read-only, and a token. Each gets a shared ``flock``, which is kept for life and from the
                          job, and has to contain the token: else the device is another job's by now

``started`` holds run_id, attempt, pid, pid_started, host, boot_id, time and, once the job executes, child_pid and
child_started. ``pid_started`` tells a process from a later one with the same number: clock ticks since boot on
Linux, elsewhere the wall clock (seconds) within two seconds of the start.

``exit`` holds blanks while the job runs (readers take that as absent), then one JSON object::

    exit_code, signal     how the script's own process ended; both null if it never ran or could not be ended
    started, ended        Unix seconds; ``ended`` is ``started`` plus ``seconds``, whatever the clock did meanwhile
    seconds               from the start of the script to its own end, by the monotonic clock
    peak_memory_bytes     resident memory of the job's largest process at its largest
    user_seconds, system_seconds   CPU time of all its processes
    canceled, timed_out   whether the launcher was told to end the job, or its time was over, before it had ended
    oom_killed            whether the kernel killed it for memory
    oom_kills, memory_limit_bytes, memory_peak_bytes   with ``own_group``: how many of the job's processes the kernel
                          killed for memory; what all of them together may use, and used at most (null: not known)
    lost_output_bytes     printed bytes that a full disk did not take
    error                 what bootstrap.py wrote about the exception that ended the script, or null
    launch_error, launch_error_kind   why the job could not be executed, or null: no_working_directory,
                          program_not_found, not_executable, arguments_too_long, no_resources or other
    left_behind           processes that even SIGKILL did not end (another user's, or stuck in the kernel)

SIGTERM or SIGINT to the launcher cancels the job: SIGTERM to its process group and to every descendant, SIGKILL
after the grace time. What a script leaves running when it ends is ended the same way, after a moment in which to
finish by itself. If the launcher itself is killed, the kernel kills the script's process with it (Linux).

Exit codes: 0 the end of the job is recorded; 64 launch.json is wrong; 74 the records cannot be written (disk full);
75 another launcher holds the lock; 76 this attempt has been started before; 77 a GPU of ``leases`` is not the job's.
With all but 0 nothing was executed.
"""

import sys


def _main() -> int:
    folder = __file__.rpartition("/")[0] or "."
    package = type(sys)("traindock")  # the siblings as a package, whatever this folder's own name
    package.__path__ = [folder]
    sys.modules["traindock"] = package
    code: int = __import__("traindock.supervisor", fromlist=["main"]).main(sys.argv[1])
    return code


if __name__ == "__main__":
    sys.exit(_main())
