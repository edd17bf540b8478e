"""The database moves lots of prepaid credits with their entries, and holds invoices to both.

The checks of invoices are those of `0008`, with what comes from wallets.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_prepaid_entry_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM made JOIN billing_prepaidcredit lot ON lot.id = made.credit_id
        JOIN billing_wallet wallet ON wallet.id = lot.wallet_id
        LEFT JOIN billing_invoice invoice ON invoice.id = made.invoice_id
        WHERE made.currency <> lot.currency
           OR coalesce(invoice.customer_id <> wallet.customer_id, false)
           OR coalesce(invoice.currency <> lot.currency, false)
    ) THEN
        RAISE EXCEPTION 'prepaid credits do not fit the invoice' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM FROM billing_prepaidcredit
        WHERE id IN (SELECT credit_id FROM made) ORDER BY id FOR UPDATE;
    UPDATE billing_prepaidcredit lot SET amount_left = lot.amount_left + moved.amount
        FROM (SELECT credit_id, sum(amount) AS amount FROM made GROUP BY 1) AS moved
        WHERE lot.id = moved.credit_id;
    RETURN NULL;
END $$;

CREATE FUNCTION billing_prepaid_credit_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'prepaid credits move only by their entries'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION billing_prepaid_entry_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT amount_from_wallets FROM billing_invoice WHERE id = NEW.invoice_id)
        <> (SELECT -sum(amount) FROM billing_prepaidentry WHERE invoice_id = NEW.invoice_id) THEN
        RAISE EXCEPTION 'an invoice does not say what it took from wallets'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION billing_invoice_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM made
        WHERE state <> 'draft' OR amount_from_balance <> 0 OR amount_to_balance <> 0
            OR amount_from_wallets <> 0
    ) THEN
        RAISE EXCEPTION 'an invoice starts as a draft' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION billing_invoice_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    -- What was issued stays. A row whose id changed is missing from the join, and refused.
    SELECT coalesce(was.number, was.id::text) INTO wrong
    FROM before was LEFT JOIN after became USING (id)
    WHERE became.id IS NULL OR (was.state <> 'draft' AND (
        became.number, became.customer_id, became.subscription_id, became.kind, became.currency,
        became.period_start, became.period_end, became.subtotal, became.tax, became.total,
        became.tax_breakdown, became.bill_to, became.idempotency_key, became.created_at,
        became.finalized_at, became.due_at
    ) IS DISTINCT FROM (
        was.number, was.customer_id, was.subscription_id, was.kind, was.currency,
        was.period_start, was.period_end, was.subtotal, was.tax, was.total,
        was.tax_breakdown, was.bill_to, was.idempotency_key, was.created_at,
        was.finalized_at, was.due_at
    )) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % is final: correct it by a credit note', wrong
            USING ERRCODE = 'restrict_violation';
    END IF;

    SELECT format('%s from %s to %s', coalesce(became.number, became.id::text), was.state, became.state)
    INTO wrong
    FROM before was JOIN after became USING (id)
    WHERE was.state <> became.state AND NOT CASE was.state
        WHEN 'draft' THEN became.state = 'open'
            OR (became.state = 'paid' AND became.total
                = became.amount_from_balance + became.amount_from_wallets)
        WHEN 'open' THEN became.state IN ('paid', 'uncollectible', 'void')
        WHEN 'uncollectible' THEN became.state IN ('paid', 'open')
        -- A refund or a returned debit opens it again, if something is owed then.
        WHEN 'paid' THEN became.state = 'open'
            AND became.amount_paid - became.amount_refunded + became.amount_credited
                - became.amount_to_balance + became.amount_from_balance
                + became.amount_from_wallets < became.total
        ELSE false
    END LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % cannot move like that', wrong
            USING ERRCODE = 'restrict_violation';
    END IF;

    SELECT coalesce(became.number, became.id::text) INTO wrong
    FROM before was JOIN after became USING (id)
    WHERE was.state <> became.state AND (
        (became.state = 'paid'
            AND became.amount_paid - became.amount_refunded + became.amount_credited
                - became.amount_to_balance + became.amount_from_balance
                + became.amount_from_wallets < became.total)
        OR (became.state = 'void' AND (became.amount_paid <> became.amount_refunded
            OR became.amount_from_balance <> 0 OR became.amount_from_wallets <> 0))
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the amounts of invoice % contradict its state', wrong
            USING ERRCODE = 'restrict_violation';
    END IF;

    -- What it takes from the balance was taken: the entries come first.
    SELECT coalesce(became.number, became.id::text) INTO wrong
    FROM before was JOIN after became USING (id)
    WHERE was.amount_from_balance <> became.amount_from_balance
        AND became.amount_from_balance <> coalesce((
            SELECT -sum(entry.amount) FROM billing_creditentry entry
            WHERE entry.invoice_id = became.id), 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % says that it took what no entry took from the balance', wrong
            USING ERRCODE = 'check_violation';
    END IF;

    SELECT coalesce(became.number, became.id::text) INTO wrong
    FROM before was JOIN after became USING (id)
    WHERE was.amount_from_wallets <> became.amount_from_wallets
        AND became.amount_from_wallets <> coalesce((
            SELECT -sum(entry.amount) FROM billing_prepaidentry entry
            WHERE entry.invoice_id = became.id), 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % says that it took what no entry took from a wallet', wrong
            USING ERRCODE = 'check_violation';
    END IF;

    -- Issued, its lines are its total.
    SELECT became.id::text INTO wrong
    FROM before was JOIN after became USING (id)
    LEFT JOIN LATERAL (
        SELECT count(*) AS lines, sum(amount) AS amount, sum(tax_amount) AS tax_amount,
               bool_and(line.currency = became.currency) AS one_currency
        FROM billing_invoiceline line WHERE line.invoice_id = became.id
    ) AS sums ON true
    WHERE was.state = 'draft' AND became.state <> 'draft' AND (
        sums.lines = 0 OR NOT sums.one_currency
        OR sums.amount <> became.subtotal OR sums.tax_amount <> became.tax
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the lines of invoice % are not its total', wrong
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER prepaid_entry_added AFTER INSERT ON billing_prepaidentry
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_prepaid_entry_added();
CREATE CONSTRAINT TRIGGER prepaid_entry_fits AFTER INSERT ON billing_prepaidentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.invoice_id IS NOT NULL)
    EXECUTE FUNCTION billing_prepaid_entry_fits();
CREATE TRIGGER prepaid_entry_stays BEFORE UPDATE OR DELETE ON billing_prepaidentry
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what moved prepaid credits stays');
CREATE TRIGGER prepaid_credit_moved BEFORE UPDATE OR DELETE ON billing_prepaidcredit
    FOR EACH STATEMENT EXECUTE FUNCTION billing_prepaid_credit_moved();

DO $$
DECLARE
    guarded text;
    guard record;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['billing_prepaidentry', 'billing_prepaidcredit'] LOOP
        EXECUTE format(
            'CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %I FOR EACH STATEMENT '
            'EXECUTE FUNCTION billing_refuse(''documents are kept'')', guarded);
        FOR guard IN SELECT tgname FROM pg_trigger
                     WHERE tgrelid = guarded::regclass AND NOT tgisinternal LOOP
            EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guarded, guard.tgname);
        END LOOP;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0019_wallets")]
    operations = [migrations.RunSQL(GUARDS)]
