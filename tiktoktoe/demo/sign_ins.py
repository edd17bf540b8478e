"""Who can sign in to the demo company; printed on purpose when it starts."""

SIGN_INS = {
    "finance": "finance@tiktoktoe.example",
    "support": "support@tiktoktoe.example",
    "customer": "customer@tiktoktoe.example",
}
PASSWORD = "three in a row"  # noqa: S105 - of the demo company only
