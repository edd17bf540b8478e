"""What documents say in German, by what they say in English."""

from collections.abc import Mapping

PHRASES: Mapping[str, str] = {
    "Bill to": "Rechnung an",
    "Description": "Beschreibung",
    "Quantity": "Menge",
    "Unit price": "Einzelpreis",
    "Amount": "Betrag",
    "How to pay": "So zahlen Sie",
    "Page": "Seite",
    "Draft": "Entwurf",
    "Paid": "Bezahlt",
    "Void": "Storniert",
    "Invoice": "Rechnung",
    "Invoice {number}": "Rechnung {number}",
    "Draft of an invoice": "Entwurf einer Rechnung",
    "Subscription {reference}": "Abonnement {reference}",
    "Invoice number": "Rechnungsnummer",
    "not issued yet": "noch nicht ausgestellt",
    "Date": "Datum",
    "Due": "Fällig",
    "Replaces invoice": "Ersetzt Rechnung",
    "Period": "Zeitraum",
    "Your tax number": "Ihre USt-IdNr.",
    "VAT {number}": "USt-IdNr. {number}",
    "{amount} due {day}": "{amount} fällig am {day}",
    "Credit note": "Gutschrift",
    "Credit note {number}": "Gutschrift {number}",
    "Credit note number": "Gutschriftnummer",
    "For invoice": "Zu Rechnung",
    "Invoice date": "Rechnungsdatum",
    "{amount} credited": "{amount} gutgeschrieben",
    "Total credited": "Gutschrift gesamt",
    "Reason: {reason}": "Grund: {reason}",
    "Off invoice {number}": "Abzug von Rechnung {number}",
    "To be refunded": "Wird erstattet",
    "To your credit balance": "Auf Ihr Guthaben",
    "Subtotal": "Zwischensumme",
    "Total": "Gesamtbetrag",
    "Credited": "Gutgeschrieben",
    "Paid from your credit balance": "Aus Ihrem Guthaben bezahlt",
    "Paid from prepaid credits": "Aus vorausbezahltem Guthaben bezahlt",
    "Amount paid": "Bezahlter Betrag",
    "Refunded": "Erstattet",
    "Amount due": "Offener Betrag",
    "{tax} {percentage} on {base}": "{tax} {percentage} auf {base}",
    "including {tax} {percentage} on {base}": "darin {tax} {percentage} auf {base}",
    "{amount} with tax": "{amount} mit Steuer",
    "{included} included, {billable} charged": "{included} inklusive, {billable} berechnet",
    "less {amount} by coupon": "abzüglich {amount} durch Gutschein",
    "By bank transfer to {bank}, reference {number}.": (
        "Per Überweisung an {bank}, Verwendungszweck {number}."
    ),
    "There is nothing to do: on {day} we debit {amount} from your account ending in {account}, by "
    "mandate {mandate}. Our creditor identifier is {creditor}.": (
        "Sie müssen nichts tun: Am {day} ziehen wir {amount} von Ihrem Konto mit den Endziffern "
        "{account} ein, nach Mandat {mandate}. Unsere Gläubiger-Identifikationsnummer ist "
        "{creditor}."
    ),
    "There is nothing to do: we debit {amount} from your account ending in {account}, not before "
    "{day}, by mandate {mandate}. Our creditor identifier is {creditor}.": (
        "Sie müssen nichts tun: Wir ziehen {amount} von Ihrem Konto mit den Endziffern {account} "
        "ein, nicht vor dem {day}, nach Mandat {mandate}. Unsere Gläubiger-Identifikationsnummer "
        "ist {creditor}."
    ),
    "By card, on your own page:": "Per Karte, auf Ihrer eigenen Seite:",
    "Statement": "Kontoauszug",
    "Statement of {days}": "Kontoauszug {days}",
    "Owed then": "Danach offen",
    "Days": "Tage",
    "Currency": "Währung",
    "Customer": "Kunde",
    "{amount} owed on {day}": "{amount} offen am {day}",
    "Opening": "Anfangssaldo",
    "Closing": "Endsaldo",
    "Net": "Netto",
    "Documents before tax": "Belege vor Steuer",
    "Documents with tax": "Belege mit Steuer",
    "Written off": "Abgeschrieben",
    "Paid from the credit balance": "Aus dem Guthaben bezahlt",
    "Back to the credit balance": "Zurück auf das Guthaben",
    "Back to prepaid credits": "Zurück auf das vorausbezahlte Guthaben",
    "Payment": "Zahlung",
    "Debit returned by the bank": "Lastschrift von der Bank zurückgegeben",
    "Refund": "Erstattung",
    "Charged back by the bank": "Von der Bank zurückgebucht",
    "Reverse charge": "Steuerschuldnerschaft des Leistungsempfängers",
    "Exempt": "Steuerbefreit",
    "No tax": "Keine Steuer",
    "VAT": "USt.",
    "Reverse charge: VAT is to be accounted for by the recipient.": (
        "Steuerschuldnerschaft des Leistungsempfängers: Die Umsatzsteuer schuldet der Empfänger."
    ),
    "Exempt from tax.": "Von der Steuer befreit.",
    "Outside the scope of tax.": "Nicht steuerbar.",
}
