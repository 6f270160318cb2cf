"""What environments of a workspace are built with, the same for every kind of compute target."""

from __future__ import annotations

from collections.abc import Mapping

from traindock.images.uv import BuildSettings
from traindock.settings import PackageSettings


def build_settings(packages: PackageSettings, variables: Mapping[str, str]) -> BuildSettings:
    """Return what to build with.

    Args:
        packages: the workspace's settings.
        variables: the submitter's environment variables.
    """
    return BuildSettings(
        index_url=packages.index_url or None,
        extra_index_urls=packages.extra_index_urls,
        find_links=packages.find_links,
        offline=packages.offline,
        proxy=packages.proxy or None,
        ca_bundle=packages.ca_bundle or None,
        variables=variables,
    )
