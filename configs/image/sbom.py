"""Print the bill of materials (CycloneDX 1.6) of the image that this runs in.

docker run --rm --entrypoint python -v ./configs/image/sbom.py:/sbom.py:ro IMAGE /sbom.py

`cyclonedx-bom` sees 49 of its 155 components: neither Debian's packages nor the interpreter.
"""

import json
import platform
import re
import sys
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

DPKG_STATUS = Path("/var/lib/dpkg/status")


def python_packages(site_packages: list[str]) -> dict[str, dict[str, object]]:
    """Return a component for each installed distribution, by package URL."""
    found: dict[str, dict[str, object]] = {}
    for distribution in distributions(path=site_packages):
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        component = {"type": "library", "name": name, "version": distribution.version}
        license_ = distribution.metadata.get("License-Expression")
        if license_:
            component["licenses"] = [{"expression": license_}]
        found[f"pkg:pypi/{name}@{distribution.version}"] = component
    return found


def debian_packages(status: str) -> dict[str, dict[str, object]]:
    """Return a component for each installed package in dpkg's status file, by package URL."""
    found: dict[str, dict[str, object]] = {}
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.+)$", paragraph, re.M))
        if fields.get("Status", "").endswith(" installed"):
            version = quote(fields["Version"], safe="")
            url = f"pkg:deb/debian/{fields['Package']}@{version}?arch={fields['Architecture']}"
            found[url] = {
                "type": "library",
                "name": fields["Package"],
                "version": fields["Version"],
            }
    return found


def main() -> None:
    """Write the document to stdout."""
    components = python_packages(sys.path)
    components[f"pkg:generic/python@{platform.python_version()}"] = {
        "type": "application",
        "name": "python",
        "version": platform.python_version(),
    }
    if DPKG_STATUS.exists():
        components |= debian_packages(DPKG_STATUS.read_text(encoding="utf-8"))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same components, the same number: equal images have equal documents.
        "serialNumber": uuid5(NAMESPACE_URL, "\n".join(sorted(components))).urn,
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "housing"}},
        "components": [
            {**component, "bom-ref": url, "purl": url}
            for url, component in sorted(components.items())
        ],
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
