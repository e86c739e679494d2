# SPDX-License-Identifier: Apache-2.0
"""What an image consists of, as an SPDX 2.3 document: each package, and which files are of which package. For image.py."""
import hashlib
import re


def ident(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))


def file_entry(number, name, data):
    return {"SPDXID": ident("File", str(number)), "fileName": "./" + name, "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION",
            "checksums": [{"algorithm": kind.upper(), "checksumValue": hashlib.new(kind, data).hexdigest()} for kind in ("sha1", "sha256")]}


def package_entry(package, files):
    sums = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return {"SPDXID": ident("Package", package["name"]), "name": package["name"], "versionInfo": package["version"], "supplier": package["supplier"],
            "downloadLocation": "NOASSERTION", "filesAnalyzed": True,
            "packageVerificationCode": {"packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()},
            "licenseConcluded": "NOASSERTION", "licenseDeclared": package["license"], "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package["purl"]}]}


def document(name, version, created, packages, contents):
    """`contents`: path -> (name of its package, bytes); a link's bytes are where it leads."""
    files, of = [], {}
    for number, (path, (package, data)) in enumerate(sorted(contents.items()), 1):
        files.append(file_entry(number, path, data))
        of.setdefault(package, []).append(files[-1])
    image = {"SPDXID": ident("Image"), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
             "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", "primaryPackagePurpose": "CONTAINER"}
    entries = [package_entry(p, of[p["name"]]) for p in packages]
    links = [("SPDXRef-DOCUMENT", "DESCRIBES", image["SPDXID"])]
    links += [(image["SPDXID"], "CONTAINS", e["SPDXID"]) for e in entries]
    links += [(ident("Package", package), "CONTAINS", f["SPDXID"]) for package, all_of in of.items() for f in all_of]
    unique = hashlib.sha256("".join(f["checksums"][1]["checksumValue"] for f in files).encode()).hexdigest()
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"{name}-{version}",
            "documentNamespace": f"https://sluice.invalid/spdx/{name}-{version}-{unique}",
            "creationInfo": {"created": created, "creators": ["Tool: sluice-image"]}, "packages": [image, *entries], "files": files,
            "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in links]}
