"""The database keeps documents as they were issued, whoever asks it to change them.

Guards are statement triggers over all rows of a statement at once, so that a billing run pays
for them once a chunk; ENABLE ALWAYS keeps them on under session_replication_role too.
"""

from django.db import migrations

GUARDS = """
CREATE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'restrict_violation';
END $$;

-- An invoice is born a draft: nothing can be issued without passing the checks below.
CREATE FUNCTION billing_invoice_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM made WHERE state <> 'draft') THEN
        RAISE EXCEPTION 'an invoice starts as a draft' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION billing_invoice_changed() RETURNS trigger LANGUAGE plpgsql AS $$
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
        WHEN 'draft' THEN became.state = 'open' OR (became.state = 'paid' AND became.total = 0)
        WHEN 'open' THEN became.state IN ('paid', 'uncollectible', 'void')
        WHEN 'uncollectible' THEN became.state IN ('paid', 'open')
        -- A refund or a returned debit opens it again, if something is owed then.
        WHEN 'paid' THEN became.state = 'open'
            AND became.amount_paid - became.amount_refunded + became.amount_credited < became.total
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
            AND became.amount_paid - became.amount_refunded + became.amount_credited < became.total)
        OR (became.state = 'void' AND became.amount_paid <> became.amount_refunded)
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the amounts of invoice % contradict its state', wrong
            USING ERRCODE = 'restrict_violation';
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

CREATE FUNCTION billing_invoice_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM before WHERE state <> 'draft') THEN
        RAISE EXCEPTION 'a final invoice cannot be deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

-- The lock makes a line and the finalisation of its invoice wait for each other.
CREATE FUNCTION billing_lines_of_drafts(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM billing_invoice WHERE id = ANY(ids) ORDER BY id FOR SHARE;
    IF EXISTS (SELECT FROM billing_invoice WHERE id = ANY(ids) AND state <> 'draft') THEN
        RAISE EXCEPTION 'lines belong to drafts: a final invoice keeps its lines'
            USING ERRCODE = 'restrict_violation';
    END IF;
END $$;

CREATE FUNCTION billing_line_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM billing_lines_of_drafts(ARRAY(SELECT DISTINCT invoice_id FROM after));
    RETURN NULL;
END $$;

CREATE FUNCTION billing_line_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM billing_lines_of_drafts(ARRAY(
        SELECT invoice_id FROM before UNION SELECT invoice_id FROM after));
    RETURN NULL;
END $$;

CREATE FUNCTION billing_line_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM billing_lines_of_drafts(ARRAY(SELECT DISTINCT invoice_id FROM before));
    RETURN NULL;
END $$;

-- At the end of the transaction a credit note is the sum of its lines, takes no line back
-- beyond what it charged, and is counted on its invoice.
CREATE FUNCTION billing_credit_note_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
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
            OR invoice.amount_credited <> (
                SELECT sum(total) FROM billing_creditnote other
                WHERE other.invoice_id = invoice.id))
    ) THEN
        RAISE EXCEPTION 'credit note % does not fit its invoice', note.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER invoice_born AFTER INSERT ON billing_invoice
    REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION billing_invoice_born();
CREATE TRIGGER invoice_changed AFTER UPDATE ON billing_invoice
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION billing_invoice_changed();
CREATE TRIGGER invoice_deleted AFTER DELETE ON billing_invoice
    REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION billing_invoice_deleted();
CREATE TRIGGER line_added AFTER INSERT ON billing_invoiceline
    REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION billing_line_added();
CREATE TRIGGER line_changed AFTER UPDATE ON billing_invoiceline
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION billing_line_changed();
CREATE TRIGGER line_deleted AFTER DELETE ON billing_invoiceline
    REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION billing_line_deleted();

CREATE CONSTRAINT TRIGGER credit_note_adds_up AFTER INSERT ON billing_creditnote
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_credit_note_adds_up();
CREATE CONSTRAINT TRIGGER credit_note_line_adds_up AFTER INSERT ON billing_creditnoteline
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_credit_note_adds_up();

CREATE TRIGGER credit_note_stays BEFORE UPDATE OR DELETE ON billing_creditnote
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('credit notes are final when made');
CREATE TRIGGER credit_note_line_stays BEFORE UPDATE OR DELETE ON billing_creditnoteline
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('credit notes are final when made');
CREATE TRIGGER payment_event_stays BEFORE UPDATE OR DELETE ON billing_paymentevent
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what happened to a payment stays');

DO $$
DECLARE
    guarded text;
    guard record;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['billing_invoice', 'billing_invoiceline', 'billing_creditnote',
                                   'billing_creditnoteline', 'billing_paymentevent'] LOOP
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

UNDO = """
DO $$
DECLARE guard record;
BEGIN
    FOR guard IN SELECT tgname, tgrelid::regclass AS guarded FROM pg_trigger
                 JOIN pg_proc ON pg_proc.oid = tgfoid
                 WHERE proname LIKE 'billing\\_%' AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', guard.tgname, guard.guarded);
    END LOOP;
END $$;
DROP FUNCTION billing_refuse(), billing_invoice_born(), billing_invoice_changed(),
    billing_invoice_deleted(), billing_line_added(), billing_line_changed(),
    billing_line_deleted(), billing_lines_of_drafts(uuid[]), billing_credit_note_adds_up();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
