"""The database moves a balance with its entries, holds it at zero, and holds documents to both.

The checks of invoices and credit notes are those of `0002`, with what comes from the credit
balance and goes to it.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_credit_entry_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM made LEFT JOIN billing_invoice invoice ON invoice.id = made.invoice_id
        LEFT JOIN billing_creditnote note ON note.id = made.credit_note_id
        WHERE made.customer_id <> coalesce(invoice.customer_id, note.customer_id, made.customer_id)
           OR made.currency <> coalesce(invoice.currency, note.currency, made.currency)
    ) THEN
        RAISE EXCEPTION 'a credit entry does not fit its document' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO billing_creditbalance (customer_id, currency, amount)
        SELECT DISTINCT customer_id, currency, 0 FROM made ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    PERFORM FROM billing_creditbalance
        WHERE (customer_id, currency) IN (SELECT customer_id, currency FROM made)
        ORDER BY customer_id, currency FOR UPDATE;
    UPDATE billing_creditbalance balance SET amount = balance.amount + moved.amount
        FROM (SELECT customer_id, currency, sum(amount) AS amount FROM made GROUP BY 1, 2) AS moved
        WHERE balance.customer_id = moved.customer_id AND balance.currency = moved.currency;
    RETURN NULL;
END $$;

-- A balance is moved by the trigger above and by nothing else.
CREATE FUNCTION billing_credit_balance_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a credit balance moves only by its entries'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

-- At the end of the transaction an invoice and a note say what their entries say.
CREATE FUNCTION billing_credit_entry_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.invoice_id IS NOT NULL AND (
        SELECT amount_from_balance FROM billing_invoice WHERE id = NEW.invoice_id
    ) <> (SELECT -sum(amount) FROM billing_creditentry WHERE invoice_id = NEW.invoice_id) THEN
        RAISE EXCEPTION 'an invoice does not say what it took from the balance'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.credit_note_id IS NOT NULL AND (
        SELECT to_balance FROM billing_creditnote WHERE id = NEW.credit_note_id
    ) <> (SELECT sum(amount) FROM billing_creditentry WHERE credit_note_id = NEW.credit_note_id)
    THEN
        RAISE EXCEPTION 'a credit note does not say what it put on the balance'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION billing_invoice_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM made
        WHERE state <> 'draft' OR amount_from_balance <> 0 OR amount_to_balance <> 0
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
            OR (became.state = 'paid' AND became.total = became.amount_from_balance)
        WHEN 'open' THEN became.state IN ('paid', 'uncollectible', 'void')
        WHEN 'uncollectible' THEN became.state IN ('paid', 'open')
        -- A refund or a returned debit opens it again, if something is owed then.
        WHEN 'paid' THEN became.state = 'open'
            AND became.amount_paid - became.amount_refunded + became.amount_credited
                - became.amount_to_balance + became.amount_from_balance < became.total
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
                - became.amount_to_balance + became.amount_from_balance < became.total)
        OR (became.state = 'void' AND (became.amount_paid <> became.amount_refunded
            OR became.amount_from_balance <> 0))
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

CREATE OR REPLACE FUNCTION billing_credit_note_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    note billing_creditnote;
    note_id uuid := CASE TG_TABLE_NAME
        WHEN 'billing_creditnote' THEN to_jsonb(NEW) ->> 'id'
        ELSE to_jsonb(NEW) ->> 'credit_note_id' END;
BEGIN
    SELECT * INTO note FROM billing_creditnote WHERE id = note_id;
    IF NOT EXISTS (
        SELECT FROM billing_creditnoteline line
        JOIN billing_invoiceline billed ON billed.id = line.invoice_line_id
        WHERE line.credit_note_id = note.id
        HAVING sum(line.amount) = note.subtotal AND sum(line.tax_amount) = note.tax
           AND bool_and(line.currency = note.currency AND billed.invoice_id = note.invoice_id)
    ) THEN
        RAISE EXCEPTION 'the lines of credit note % are not its total', note.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM billing_invoiceline billed
        JOIN billing_creditnoteline line ON line.invoice_line_id = billed.id
        WHERE billed.invoice_id = note.invoice_id
        GROUP BY billed.id
        HAVING sum(line.amount) NOT BETWEEN SYMMETRIC 0 AND billed.amount
            OR sum(line.tax_amount) NOT BETWEEN SYMMETRIC 0 AND billed.tax_amount
    ) THEN
        RAISE EXCEPTION 'credit note % takes back more than was charged', note.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM billing_invoice invoice WHERE invoice.id = note.invoice_id AND (
            invoice.state IN ('draft', 'void') OR invoice.currency <> note.currency
            OR invoice.customer_id <> note.customer_id
            OR NOT EXISTS (
                SELECT FROM billing_creditnote other WHERE other.invoice_id = invoice.id
                HAVING sum(other.total) = invoice.amount_credited
                   AND sum(other.to_balance) = invoice.amount_to_balance))
    ) THEN
        RAISE EXCEPTION 'credit note % does not fit its invoice', note.number
            USING ERRCODE = 'check_violation';
    END IF;
    IF note.to_balance <> coalesce((
        SELECT sum(amount) FROM billing_creditentry WHERE credit_note_id = note.id), 0)
    THEN
        RAISE EXCEPTION 'credit note % does not say what it put on the balance', note.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER credit_entry_added AFTER INSERT ON billing_creditentry
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_credit_entry_added();
CREATE CONSTRAINT TRIGGER credit_entry_fits AFTER INSERT ON billing_creditentry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_credit_entry_fits();
CREATE TRIGGER credit_entry_stays BEFORE UPDATE OR DELETE ON billing_creditentry
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what moved a credit balance stays');
CREATE TRIGGER credit_balance_moved BEFORE INSERT OR UPDATE OR DELETE ON billing_creditbalance
    FOR EACH STATEMENT EXECUTE FUNCTION billing_credit_balance_moved();

DO $$
DECLARE
    guarded text;
    guard record;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['billing_creditentry', 'billing_creditbalance'] LOOP
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
    dependencies = [("billing", "0007_credit_balance")]
    operations = [migrations.RunSQL(GUARDS)]
