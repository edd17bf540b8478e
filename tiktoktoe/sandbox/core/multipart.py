"""Bodies in parts, as clients send files."""

import re


def multipart(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The fields of a multipart body, a file standing by its name, and the file's content."""
    boundary = content.partition(b"\r\n")[0]
    fields: list[tuple[str, str]] = []
    uploaded = b""
    for part in content.split(boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        said = dict(re.findall(r'(\w+)="([^"]*)"', head.decode(errors="replace")))
        value = body.removesuffix(b"\r\n")
        if "filename" in said:
            uploaded = value
        fields.append((said.get("name", ""), said.get("filename") or value.decode()))
    return fields, uploaded
