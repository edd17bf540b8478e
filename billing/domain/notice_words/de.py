"""Notices in German."""

from billing.domain.notice_words.kinds import Words

LANGUAGE = "de"
FRAME = {
    "greeting": "Guten Tag {customer},",
    "closing": "{company}",
    "questions": "Fragen? Schreiben Sie an {company_email}.",
    "unsubscribe": "Sie erhalten diese Nachricht als Kunde von {company}. "
    "Wenn Sie keine E-Mails dieser Art mehr möchten:",
    "unsubscribe_link": "Diese E-Mails abbestellen",
    "advice_funds": "Das Konto war nicht gedeckt oder ein Limit war erreicht.",
    "advice_confirm": "Ihre Bank verlangt, dass Sie die Zahlung bestätigen. Bitte bezahlen "
    "Sie auf der Zahlungsseite.",
    "advice_method": "Die Zahlungsart kann nicht mehr verwendet werden. Bitte bezahlen Sie "
    "mit einer anderen.",
    "advice_other": "Die Bank hat ohne einen Grund abgelehnt, den wir weitergeben können. "
    "Sie können anders bezahlen.",
    "attached": "Das Dokument liegt bei.",
}
NOTICES = {
    "trial.ending": Words(
        "Ihre Testphase von {plan} endet am {trial_ends_at}",
        (
            "Ihre kostenlose Testphase von {plan} endet am {trial_ends_at}.",
            "Danach ist es kostenpflichtig, sofern Sie nicht vorher kündigen. "
            "Bitte hinterlegen Sie bis dahin eine Zahlungsart.",
        ),
        "Zum Abonnement",
    ),
    "renewal.upcoming": Words(
        "{plan} verlängert sich am {period_end}",
        (
            "Ihr Abonnement {plan} verlängert sich am {period_end} um einen weiteren Zeitraum.",
            "Sie müssen nichts tun. Möchten Sie es ändern oder kündigen, dann bitte vor "
            "diesem Tag.",
        ),
        "Zum Abonnement",
    ),
    "invoice.finalized": Words(
        "Rechnung {invoice}: {total}",
        (
            "Hier ist die Rechnung {invoice} über {total}.",
            "{amount_due} sind am {due_at} fällig. Ist eine Zahlungsart hinterlegt, wird sie "
            "automatisch belastet.",
        ),
        "Zur Rechnung",
    ),
    "payment.failed": Words(
        "Ihre Zahlung über {amount} ist fehlgeschlagen",
        (
            "Wir konnten {amount} für die Rechnung {invoice} nicht einziehen.",
            "Die Zahlungsart war {method}.",
            "{advice}",
            "Wir versuchen es am {next_attempt_at} erneut.",
        ),
        "Jetzt bezahlen",
    ),
    "payment.approved": Words(
        "Sie können die Rechnung {invoice} jetzt bezahlen",
        (
            "Wir haben Ihre Zahlung der Rechnung {invoice} angesehen: Sie können fortfahren.",
            "Zu zahlen sind {amount_due}. Haben Sie das gerade getan, ist nichts weiter zu tun.",
        ),
        "Jetzt bezahlen",
    ),
    "dunning.reminder": Words(
        "Rechnung {invoice} ist überfällig",
        (
            "Von Rechnung {invoice} sind {amount_due} seit dem {past_due_from} überfällig.",
            "Bitte bezahlen Sie sie jetzt. Haben Sie das gerade getan, ist nichts weiter zu tun.",
            "Ab dem {restrict_at} ist der Dienst eingeschränkt, bis sie bezahlt ist.",
            "Bleibt sie unbezahlt, endet Ihr Abonnement am {cancel_at}.",
        ),
        "Jetzt bezahlen",
    ),
    "debit.upcoming": Words(
        "Wir buchen am {due_on} {amount} ab",
        (
            "Wir ziehen {amount} für die Rechnung {invoice} am {due_on} per Lastschrift ein.",
            "Belastet wird Ihr Konto mit den Endziffern {account}, nach Mandat {mandate}; unsere "
            "Gläubiger-Identifikationsnummer ist {creditor_id}.",
            "Bitte sorgen Sie an diesem Tag für ausreichende Deckung.",
        ),
        "Zur Rechnung",
    ),
    "payment.returned": Words(
        "Ihre Bank hat unsere Lastschrift über {amount} zurückgegeben",
        (
            "Ihre Bank hat am {returned_on} {amount} zurückgebucht, die die Rechnung {invoice} "
            "bezahlt hatten.",
            "{advice}",
            "{amount_due} sind wieder offen.",
        ),
        "Jetzt bezahlen",
    ),
    "dunning.request": Words(
        "Ihr überfälliger Betrag: {amount}",
        (
            "Auf Ihren Rechnungen {invoices} sind {amount} überfällig.",
            "Bitte bezahlen Sie sie jetzt. Haben Sie das gerade getan, ist nichts weiter zu tun.",
        ),
        "Rechnungen ansehen",
    ),
    "payment.succeeded": Words(
        "Zahlung über {amount} erhalten",
        ("Vielen Dank: Wir haben {amount} für die Rechnung {invoice} erhalten.",),
        "Zur Rechnung",
    ),
    "payment_method.expiring": Words(
        "{method} läuft am {expires_on} ab",
        (
            "Ihre Zahlungsart {method} läuft am {expires_on} ab.",
            "Bitte hinterlegen Sie vorher eine neue, damit Ihre Zahlungen gelingen.",
        ),
        "Zahlungsart ändern",
    ),
    "subscription.plan_changed": Words(
        "Ihr Tarif ist jetzt {plan}",
        (
            "Ihr Abonnement läuft seit {effective_at} im Tarif {plan}, Anzahl {quantity}.",
            "Zuvor war es {plan_before}, Anzahl {quantity_before}.",
        ),
        "Zum Abonnement",
    ),
    "subscription.cancellation_scheduled": Words(
        "{plan} endet am {cancel_at}",
        (
            "Wie gewünscht endet Ihr Abonnement {plan} am {cancel_at}.",
            "Bis dahin bleibt alles wie bisher, und Sie können es sich anders überlegen.",
        ),
        "Zum Abonnement",
    ),
    "subscription.cancellation_withdrawn": Words(
        "{plan} läuft weiter",
        ("Ihr Abonnement {plan} endet nicht: Es läuft weiter wie bisher.",),
        "Zum Abonnement",
    ),
    "subscription.expired": Words(
        "Ihr Abonnement {plan} hat nicht begonnen",
        (
            "Ihr Abonnement {plan} wurde nicht rechtzeitig bezahlt und hat daher nicht begonnen.",
            "Sie können es jederzeit erneut abschließen.",
        ),
        "Zur Auswahl",
    ),
    "subscription.plan_change_scheduled": Words(
        "Ihr Tarif ändert sich am {change_at}",
        (
            "Ihr Abonnement läuft ab dem {change_at} im Tarif {plan}, Menge {quantity}.",
            "Bis dahin bleibt alles, wie es ist, und Sie können es sich anders überlegen.",
        ),
        "Zum Abonnement",
    ),
    "subscription.plan_change_withdrawn": Words(
        "Ihr Tarif bleibt {plan}",
        ("Die geplante Änderung ist zurückgenommen: Ihr Abonnement bleibt im Tarif {plan}.",),
        "Zum Abonnement",
    ),
    "subscription.add_on_changed": Words(
        "Ihre Zusatzoption {add_on_name} hat sich geändert",
        (
            "Seit dem {add_on_from_at} haben Sie {add_on_name} {add_on_quantity}-mal, "
            "neben {plan}.",
            "Seit dem {add_on_until_at} haben Sie {add_on_name} neben {plan} nicht mehr.",
        ),
        "Zum Abonnement",
    ),
    "subscription.add_on_scheduled": Words(
        "Ihre Zusatzoption {add_on_name} ändert sich am {change_at}",
        (
            "Ab dem {add_on_from_at} haben Sie {add_on_name} {add_on_quantity}-mal, neben {plan}.",
            "Ab dem {add_on_until_at} haben Sie {add_on_name} neben {plan} nicht mehr.",
            "Bis dahin bleibt alles, wie es ist, und Sie können es sich anders überlegen.",
        ),
        "Zum Abonnement",
    ),
    "subscription.add_on_withdrawn": Words(
        "Ihre Zusatzoption {add_on_name} bleibt, wie sie ist",
        ("Die geplante Änderung von {add_on_name} ist zurückgenommen.",),
        "Zum Abonnement",
    ),
    "start.planned": Words(
        "{plan} beginnt am {start_at}",
        (
            "Ihr Abonnement {plan} beginnt am {start_at}, Anzahl {quantity}.",
            "Vor diesem Tag wird nichts berechnet; in Ihrem Konto steht, wie hoch die erste "
            "Rechnung sein wird.",
            "Bis dahin können Sie es sich anders überlegen und es dort zurücknehmen.",
        ),
        "Zum geplanten Abonnement",
    ),
    "start.withdrawn": Words(
        "{plan} beginnt nicht",
        (
            "Das Abonnement {plan}, das für den {start_at} geplant war, ist zurückgenommen. "
            "Es wurde nichts dafür berechnet.",
        ),
        "Zu Ihrem Konto",
    ),
    "start.refused": Words(
        "{plan} konnte nicht beginnen",
        (
            "Das Abonnement {plan}, das für den {start_at} geplant war, konnte nicht beginnen. "
            "Es wurde nichts dafür berechnet.",
            "Wir kümmern uns darum. Sie können auch in Ihrem Konto neu abonnieren oder uns "
            "schreiben: {company_email}.",
        ),
        "Zu Ihrem Konto",
    ),
    "subscription.pause_scheduled": Words(
        "{plan} pausiert ab dem {pause_at}",
        (
            "Ihr Abonnement {plan} pausiert ab dem {pause_at}.",
            "Es läuft am {resume_at} von selbst weiter.",
            "Bis dahin funktioniert alles wie bisher, und Sie können es sich anders überlegen.",
        ),
        "Zum Abonnement",
    ),
    "subscription.pause_withdrawn": Words(
        "{plan} pausiert nicht",
        ("Die geplante Pause ist zurückgenommen: {plan} läuft weiter wie bisher.",),
        "Zum Abonnement",
    ),
    "subscription.paused": Words(
        "{plan} pausiert",
        (
            "Ihr Abonnement {plan} pausiert seit dem {effective_at}: Es kann nicht genutzt werden, "
            "und es wird nichts dafür berechnet.",
            "Es läuft am {resume_at} von selbst weiter.",
        ),
        "Zum Abonnement",
    ),
    "subscription.resumed": Words(
        "{plan} läuft weiter",
        ("Ihr Abonnement {plan} läuft seit dem {effective_at} weiter und wird wieder berechnet.",),
        "Zum Abonnement",
    ),
    "subscription.resumption_scheduled": Words(
        "{plan} läuft ab dem {resume_at} weiter",
        (
            "Ihr Abonnement {plan} läuft am {resume_at} von selbst weiter und wird dann wieder "
            "berechnet.",
        ),
        "Zum Abonnement",
    ),
    "subscription.resumption_withdrawn": Words(
        "{plan} bleibt pausiert",
        ("Ihr Abonnement {plan} bleibt pausiert, bis Sie es weiterlaufen lassen.",),
        "Zum Abonnement",
    ),
    "subscription.trial_extended": Words(
        "Ihre Testphase von {plan} läuft bis zum {trial_ends_at}",
        ("Ihre kostenlose Testphase von {plan} ist länger: Sie endet am {trial_ends_at}.",),
        "Zum Abonnement",
    ),
    "subscription.trial_shortened": Words(
        "Ihre Testphase von {plan} endet am {trial_ends_at}",
        (
            "Ihre kostenlose Testphase von {plan} ist kürzer: Sie endet am {trial_ends_at}.",
            "Danach ist es kostenpflichtig, sofern Sie nicht vorher kündigen.",
        ),
        "Zum Abonnement",
    ),
    "subscription.canceled": Words(
        "Ihr Abonnement {plan} ist beendet",
        (
            "Ihr Abonnement {plan} endete am {effective_at}.",
            "Ihre Rechnungen bleiben für Sie abrufbar.",
        ),
        "Zu den Rechnungen",
    ),
    "refund.succeeded": Words(
        "Wir haben {amount} erstattet",
        (
            "Wir haben Ihnen {amount} von der Zahlung der Rechnung {invoice} erstattet.",
            "Bis Ihre Bank es anzeigt, können einige Tage vergehen.",
        ),
        "Zur Rechnung",
    ),
    "credit_note.issued": Words(
        "Gutschrift {credit_note}: {amount}",
        (
            "Hier ist die Gutschrift {credit_note} über {amount} zur Rechnung {invoice}.",
            "Der Grund: {reason}.",
        ),
        "Zur Rechnung",
    ),
    "price.change_upcoming": Words(
        "Die Preise von {plan} ändern sich am {effective_at}",
        (
            "Die Preise Ihres Abonnements {plan} ändern sich am {effective_at}.",
            "Es läuft dann als {plan_after} weiter.",
            "Die Gebühren betragen dann {net_after} statt {net_before} je Zeitraum, vor Steuern.",
            "Die Gebühren betragen dann {gross_after} statt {gross_before} je Zeitraum, "
            "einschließlich Steuern.",
            "Was Sie ab dem {usage_from_at} verbrauchen, wird nach den neuen Preisen berechnet.",
            "Sie müssen nichts tun. Sind Sie nicht einverstanden, können Sie vor diesem Tag "
            "einen anderen Tarif wählen oder kündigen.",
        ),
        "Zu Ihren Möglichkeiten",
    ),
    "price.change_withdrawn": Words(
        "Die Preise von {plan} bleiben",
        (
            "Wir hatten angekündigt, dass sich die Preise Ihres Abonnements {plan} am "
            "{effective_at} ändern. Das geschieht nicht.",
            "Die Gebühren bleiben bei {net_before} je Zeitraum, vor Steuern.",
            "Die Gebühren bleiben bei {gross_before} je Zeitraum, einschließlich Steuern.",
            "Haben Sie deshalb gekündigt oder einen anderen Tarif gewählt, können Sie das "
            "zurücknehmen.",
        ),
        "Zum Abonnement",
    ),
    "usage.threshold_reached": Words(
        "{percent} von {feature} verbraucht",
        (
            "Sie haben in diesem Zeitraum {used} von {included} verbraucht, die {plan} "
            "bei {feature} enthält, das sind {percent}.",
            "Der Zeitraum endet am {period_end}. Was darüber hinausgeht, wird nach Ihrem "
            "Tarif berechnet.",
        ),
        "Zum Verbrauch",
    ),
    "usage.budget_reached": Words(
        "Ihr Verbrauch hat {budget} erreicht",
        (
            "Ihr Verbrauch von {plan} beträgt in diesem Zeitraum {amount} vor Steuern. "
            "Sie wollten ab {budget} benachrichtigt werden.",
            "Der Zeitraum endet am {period_end}.",
        ),
        "Zum Verbrauch",
    ),
}
