"""Reading uv's words: which pin a failed install is to be blamed on, and when none is."""

from __future__ import annotations

import pytest

from traindock.images.relax import culprits, relaxed

BUILD_FAILED = """\
Resolved 1 package in 800ms
   Building pillow==5.4.1
error: Failed to build `pillow==5.4.1`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)
         [stderr]
         connection refused, and numpy==1.0 has no wheels, says setup.py
hint: Build failures usually indicate a problem with the package or the build environment
"""
BUILD_FAILED_EARLIER_WORDS = """\
  × Failed to download and build `pillow==5.4.1`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

      [stderr]
      RequiredDependencyException: jpeg
"""
NO_WHEEL = """\
error: No solution found when resolving dependencies
  cause: Because you require numpy>=1 and six==1.16.0, we can conclude that numpy>=1 can be used.
         And because tensorflow==1.15.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require
         tensorflow==1.15, we can conclude that your requirements are unsatisfiable.
"""
WRONG_PYTHON = """\
error: No solution found when resolving dependencies
  cause: Because the current Python version (3.8.18) does not satisfy Python>=3.10 and ipython==8.20.0 depends on \
Python>=3.10, we can conclude that ipython==8.20.0 cannot be used.
"""
NEVER_EXISTED = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of pillow==99.1 and you require pillow==99.1, we can conclude that your \
requirements are unsatisfiable.
"""
CONFLICT = """\
error: No solution found when resolving dependencies
  cause: Because six==1.16.0 depends on numpy==2 and you require numpy==1.0, we can conclude that six==1.16.0 cannot
"""
NETWORK = """\
error: Failed to build `pillow==5.4.1`
  cause: Failed to fetch: `https://example.org/simple/setuptools/`
  cause: dns error
"""


@pytest.mark.parametrize(
    ("pins", "output", "blamed"),
    [
        (["pillow==5.4.1", "numpy==1.0"], BUILD_FAILED, ["pillow==5.4.1"]),
        (["Pillow===5.4.1"], BUILD_FAILED_EARLIER_WORDS, ["Pillow===5.4.1"]),
        (["tensorflow==1.15", "six==1.16.0"], NO_WHEEL, ["tensorflow==1.15"]),
        (["tensorflow==1.15.0.0"], NO_WHEEL, []),
        (["tensorflow==1.1", "tensorflow==1"], NO_WHEEL, []),
        (["ipython==8.20.0"], WRONG_PYTHON, ["ipython==8.20.0"]),
        (["pillow==99.1"], NEVER_EXISTED, []),
        (["numpy==1.0", "six==1.16.0"], CONFLICT, []),
        (["pillow==5.4.1"], NETWORK, []),
        (["pillow>=5.4.1", "pillow==5.*", "pillow==5.4.1,<6", "pillow"], BUILD_FAILED, []),
        (["pillow @ https://example.org/pillow-5.4.1.zip"], BUILD_FAILED, []),
        (["illow==5.4.1", "pillow-simd==5.4.1", "pillow==5.4"], BUILD_FAILED, []),
    ],
)
def test_the_pin_that_a_failure_names_is_blamed(pins: list[str], output: str, blamed: list[str]) -> None:
    assert culprits(pins, output.splitlines()) == tuple(blamed)


@pytest.mark.parametrize(
    ("pin", "loose"),
    [("pillow==5.4.1", "pillow>=5.4.1"), ("a[b]===1.0; os_name == 'posix'", "a[b]>=1.0; os_name == 'posix'")],
)
def test_a_relaxed_pin_asks_for_that_version_or_newer(pin: str, loose: str) -> None:
    assert relaxed(pin) == loose
