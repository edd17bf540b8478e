"""Notices in French."""

from billing.domain.notice_words.kinds import Words

LANGUAGE = "fr"
FRAME = {
    "greeting": "Bonjour {customer},",
    "closing": "{company}",
    "questions": "Une question\N{NO-BREAK SPACE}? Écrivez à {company_email}.",
    "unsubscribe": "Vous recevez ce message en tant que client de {company}. "
    "Pour ne plus recevoir ce type de message\N{NO-BREAK SPACE}:",
    "unsubscribe_link": "Ne plus recevoir ces messages",
    "advice_funds": "Le solde était insuffisant ou un plafond était atteint.",
    "advice_confirm": "Votre banque demande que vous confirmiez le paiement. Merci de régler "
    "sur la page de paiement.",
    "advice_method": "Ce moyen de paiement ne peut plus être utilisé. Merci de régler avec "
    "un autre.",
    "advice_other": "La banque a refusé sans motif que nous puissions vous transmettre. "
    "Vous pouvez régler autrement.",
    "attached": "Le document est joint.",
}
NOTICES = {
    "trial.ending": Words(
        "Votre essai de {plan} se termine le {trial_ends_at}",
        (
            "Votre essai gratuit de {plan} se termine le {trial_ends_at}.",
            "L'abonnement devient alors payant, sauf si vous l'annulez avant. "
            "Pensez à enregistrer un moyen de paiement.",
        ),
        "Voir l'abonnement",
    ),
    "renewal.upcoming": Words(
        "{plan} se renouvelle le {period_end}",
        (
            "Votre abonnement {plan} se renouvelle le {period_end} pour une nouvelle période.",
            "Vous n'avez rien à faire. Pour le modifier ou l'annuler, faites-le avant cette date.",
        ),
        "Voir l'abonnement",
    ),
    "invoice.finalized": Words(
        "Facture {invoice}\N{NO-BREAK SPACE}: {total}",
        (
            "Voici la facture {invoice} d'un montant de {total}.",
            "{amount_due} sont à régler le {due_at} au plus tard. Si un moyen de paiement est "
            "enregistré, il sera débité automatiquement.",
        ),
        "Voir la facture",
    ),
    "payment.failed": Words(
        "Votre paiement de {amount} a échoué",
        (
            "Nous n'avons pas pu encaisser {amount} pour la facture {invoice}.",
            "Le moyen de paiement était {method}.",
            "{advice}",
            "Nous réessaierons le {next_attempt_at}.",
        ),
        "Payer maintenant",
    ),
    "payment.approved": Words(
        "Vous pouvez régler la facture {invoice}",
        (
            "Nous avons examiné votre paiement de la facture {invoice}\N{NO-BREAK SPACE}: "
            "vous pouvez continuer.",
            "Il reste {amount_due} à régler. Si vous venez de le faire, vous n'avez rien à faire.",
        ),
        "Payer maintenant",
    ),
    "dunning.reminder": Words(
        "La facture {invoice} est en retard de paiement",
        (
            "{amount_due} de la facture {invoice} restent dus depuis le {past_due_from}.",
            "Veuillez la régler maintenant. Si vous venez de le faire, vous n'avez rien à faire.",
            "À partir du {restrict_at}, le service est restreint jusqu'au paiement.",
            "Si elle reste impayée, votre abonnement prend fin le {cancel_at}.",
        ),
        "Payer maintenant",
    ),
    "debit.upcoming": Words(
        "Nous prélevons {amount} le {due_on}",
        (
            "Nous prélèverons {amount} pour la facture {invoice} par prélèvement le {due_on}.",
            "Votre compte se terminant par {account} sera débité, selon le mandat {mandate} ; "
            "notre identifiant créancier est {creditor_id}.",
            "Veuillez veiller à ce que le compte soit approvisionné ce jour-là.",
        ),
        "Voir la facture",
    ),
    "payment.returned": Words(
        "Votre banque a rejeté notre prélèvement de {amount}",
        (
            "Votre banque a repris {amount} le {returned_on}, qui avaient réglé la facture "
            "{invoice}.",
            "{advice}",
            "{amount_due} sont de nouveau à payer.",
        ),
        "Payer maintenant",
    ),
    "dunning.request": Words(
        "Votre solde en retard : {amount}",
        (
            "{amount} restent dus sur vos factures {invoices}.",
            "Veuillez les régler maintenant. Si vous venez de le faire, vous n'avez rien à faire.",
        ),
        "Voir les factures",
    ),
    "payment.succeeded": Words(
        "Nous avons reçu {amount}",
        ("Merci\N{NO-BREAK SPACE}: nous avons reçu {amount} pour la facture {invoice}.",),
        "Voir la facture",
    ),
    "payment_method.expiring": Words(
        "{method} expire le {expires_on}",
        (
            "Votre moyen de paiement {method} expire le {expires_on}.",
            "Enregistrez-en un nouveau avant cette date pour que vos paiements aboutissent.",
        ),
        "Modifier le moyen de paiement",
    ),
    "subscription.plan_changed": Words(
        "Votre formule est {plan}",
        (
            "Votre abonnement est à la formule {plan} depuis le {effective_at}, "
            "quantité {quantity}.",
            "Il était auparavant à la formule {plan_before}, quantité {quantity_before}.",
        ),
        "Voir l'abonnement",
    ),
    "subscription.cancellation_scheduled": Words(
        "{plan} prend fin le {cancel_at}",
        (
            "Comme demandé, votre abonnement {plan} prend fin le {cancel_at}.",
            "D'ici là rien ne change, et vous pouvez revenir sur votre décision.",
        ),
        "Voir l'abonnement",
    ),
    "subscription.cancellation_withdrawn": Words(
        "{plan} continue",
        ("Votre abonnement {plan} ne prend pas fin : il continue comme avant.",),
        "Voir votre abonnement",
    ),
    "subscription.expired": Words(
        "Votre abonnement {plan} n'a pas commencé",
        (
            "Votre abonnement {plan} n'a pas été payé à temps ; il n'a donc pas commencé.",
            "Vous pouvez vous abonner de nouveau à tout moment.",
        ),
        "Voir vos choix",
    ),
    "subscription.plan_change_scheduled": Words(
        "Votre formule change le {change_at}",
        (
            "Votre abonnement passe à {plan} à partir du {change_at}, quantité {quantity}.",
            "D'ici là, rien ne change et vous pouvez revenir sur votre décision.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.plan_change_withdrawn": Words(
        "Votre formule reste {plan}",
        ("Le changement prévu est annulé : votre abonnement reste à {plan}.",),
        "Voir votre abonnement",
    ),
    "subscription.add_on_changed": Words(
        "Votre option {add_on_name} a changé",
        (
            "Depuis le {add_on_from_at}, vous avez {add_on_name} {add_on_quantity} fois, "
            "avec {plan}.",
            "Depuis le {add_on_until_at}, vous n'avez plus {add_on_name} avec {plan}.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.add_on_scheduled": Words(
        "Votre option {add_on_name} change le {change_at}",
        (
            "À partir du {add_on_from_at}, vous avez {add_on_name} {add_on_quantity} fois, "
            "avec {plan}.",
            "À partir du {add_on_until_at}, vous n'avez plus {add_on_name} avec {plan}.",
            "D'ici là, rien ne change et vous pouvez revenir sur votre décision.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.add_on_withdrawn": Words(
        "Votre option {add_on_name} reste telle quelle",
        ("Le changement prévu de {add_on_name} est annulé.",),
        "Voir votre abonnement",
    ),
    "start.planned": Words(
        "{plan} commence le {start_at}",
        (
            "Votre abonnement {plan} commence le {start_at}, quantité {quantity}.",
            "Rien n'est facturé avant ce jour ; votre compte indique le montant de la première "
            "facture.",
            "D'ici là, vous pouvez changer d'avis et l'y annuler.",
        ),
        "Voir ce qui est prévu",
    ),
    "start.withdrawn": Words(
        "{plan} ne commence pas",
        (
            "L'abonnement {plan} prévu pour le {start_at} est annulé. "
            "Rien n'a été facturé à ce titre.",
        ),
        "Voir votre compte",
    ),
    "start.refused": Words(
        "{plan} n'a pas pu commencer",
        (
            "L'abonnement {plan} prévu pour le {start_at} n'a pas pu commencer. "
            "Rien n'a été facturé à ce titre.",
            "Nous nous en occupons. Vous pouvez aussi vous abonner à nouveau dans votre compte "
            "ou nous écrire : {company_email}.",
        ),
        "Voir votre compte",
    ),
    "subscription.pause_scheduled": Words(
        "{plan} est suspendu à partir du {pause_at}",
        (
            "Votre abonnement {plan} est suspendu à partir du {pause_at}.",
            "Il reprend de lui-même le {resume_at}.",
            "D'ici là, tout fonctionne comme avant et vous pouvez revenir sur votre décision.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.pause_withdrawn": Words(
        "{plan} n'est pas suspendu",
        ("La suspension prévue est annulée : {plan} continue comme avant.",),
        "Voir votre abonnement",
    ),
    "subscription.paused": Words(
        "{plan} est suspendu",
        (
            "Votre abonnement {plan} est suspendu depuis le {effective_at} : il ne peut pas être "
            "utilisé et rien n'est facturé.",
            "Il reprend de lui-même le {resume_at}.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.resumed": Words(
        "{plan} reprend",
        ("Votre abonnement {plan} a repris le {effective_at} et est de nouveau facturé.",),
        "Voir votre abonnement",
    ),
    "subscription.resumption_scheduled": Words(
        "{plan} reprend le {resume_at}",
        ("Votre abonnement {plan} reprend de lui-même le {resume_at} et sera de nouveau facturé.",),
        "Voir votre abonnement",
    ),
    "subscription.resumption_withdrawn": Words(
        "{plan} reste suspendu",
        ("Votre abonnement {plan} reste suspendu jusqu'à ce que vous le repreniez.",),
        "Voir votre abonnement",
    ),
    "subscription.trial_extended": Words(
        "Votre essai de {plan} se poursuit jusqu'au {trial_ends_at}",
        ("Votre essai gratuit de {plan} est prolongé : il prend fin le {trial_ends_at}.",),
        "Voir votre abonnement",
    ),
    "subscription.trial_shortened": Words(
        "Votre essai de {plan} prend fin le {trial_ends_at}",
        (
            "Votre essai gratuit de {plan} est raccourci : il prend fin le {trial_ends_at}.",
            "Il devient ensuite payant, sauf si vous résiliez avant.",
        ),
        "Voir votre abonnement",
    ),
    "subscription.canceled": Words(
        "Votre abonnement {plan} est terminé",
        (
            "Votre abonnement {plan} a pris fin le {effective_at}.",
            "Vos factures restent à votre disposition.",
        ),
        "Voir les factures",
    ),
    "refund.succeeded": Words(
        "Nous avons remboursé {amount}",
        (
            "Nous vous avons remboursé {amount} sur le paiement de la facture {invoice}.",
            "Votre banque peut mettre quelques jours à l'afficher.",
        ),
        "Voir la facture",
    ),
    "credit_note.issued": Words(
        "Avoir {credit_note}\N{NO-BREAK SPACE}: {amount}",
        (
            "Voici l'avoir {credit_note} de {amount} sur la facture {invoice}.",
            "Le motif\N{NO-BREAK SPACE}: {reason}.",
        ),
        "Voir la facture",
    ),
    "price.change_upcoming": Words(
        "Les prix de {plan} changent le {effective_at}",
        (
            "Les prix de votre abonnement {plan} changent le {effective_at}.",
            "Il se poursuit alors sous le nom de {plan_after}.",
            "Son montant sera de {net_after} par période au lieu de {net_before}, hors taxes.",
            "Son montant sera de {gross_after} par période au lieu de {gross_before}, "
            "taxes comprises.",
            "Ce que vous consommez à partir du {usage_from_at} est facturé aux nouveaux prix.",
            "Vous n'avez rien à faire. Si cela ne vous convient pas, vous pouvez choisir une "
            "autre formule ou résilier avant ce jour.",
        ),
        "Voir vos possibilités",
    ),
    "price.change_withdrawn": Words(
        "Les prix de {plan} ne changent pas",
        (
            "Nous vous avions écrit que les prix de votre abonnement {plan} changeraient le "
            "{effective_at}. Ce n'est plus le cas.",
            "Son montant reste de {net_before} par période, hors taxes.",
            "Son montant reste de {gross_before} par période, taxes comprises.",
            "Si vous avez résilié ou choisi une autre formule pour cette raison, vous pouvez "
            "revenir sur ce choix.",
        ),
        "Voir l'abonnement",
    ),
    "usage.threshold_reached": Words(
        "{percent} de {feature} consommés",
        (
            "Vous avez consommé {used} sur les {included} que {plan} inclut pour {feature} "
            "dans cette période, soit {percent}.",
            "La période se termine le {period_end}. Le surplus est facturé selon votre formule.",
        ),
        "Voir la consommation",
    ),
    "usage.budget_reached": Words(
        "Votre consommation a atteint {budget}",
        (
            "Votre consommation de {plan} s'élève dans cette période à {amount} hors taxes. "
            "Vous souhaitiez être averti à partir de {budget}.",
            "La période se termine le {period_end}.",
        ),
        "Voir la consommation",
    ),
}
