"""Files: documents that are uploaded as evidence in disputes.

Source: docs.stripe.com/file-upload: evidence is PDF, JPEG or PNG, of 5 MB at most.
"""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/files"
BYTES_MAX = 5 * 1024 * 1024
KINDS = {b"%PDF": "pdf", b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
EVIDENCE = "dispute_evidence"
# The parts of evidence that are files. Source: docs.stripe.com/api/disputes/evidence_object.
FILE_PARTS = frozenset(
    {"cancellation_policy", "customer_communication", "customer_signature", "receipt"}
    | {"duplicate_charge_documentation", "refund_policy", "service_documentation"}
    | {"shipping_documentation", "uncategorized_file"}
)


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Keep a file; of its content only the size and the kind."""
    if parameters["purpose"] != EVIDENCE:
        raise ApiError(400, f"The sandbox takes {EVIDENCE} only.", param="purpose")
    content: bytes = parameters["content"]
    kind = next((name for start, name in KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise ApiError(400, "Evidence is a PDF, a JPEG or a PNG.", param="file")
    if len(content) > BYTES_MAX:
        raise ApiError(400, "Evidence has 5 MB at most.", param="file")
    return sandbox.new(
        "file",
        filename=parameters["file"],
        purpose=EVIDENCE,
        size=len(content),
        type=kind,
        url=None,
    )


def check_files(sandbox: Sandbox, evidence: Json) -> None:
    """Refuse evidence that names a file which is none.

    Raises:
        ApiError: 400.
    """
    for part in FILE_PARTS & set(evidence):
        known = sandbox.store.find(evidence[part]) if evidence[part] else None
        if evidence[part] and (known is None or known.get("purpose") != EVIDENCE):
            message = f"No such file upload: {evidence[part]}"
            raise ApiError(400, message, param=f"evidence[{part}]", code="resource_missing")


readable("file", PATH, ["purpose"])
