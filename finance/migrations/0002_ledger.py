"""The journal's tables and the guards around them, which the ORM cannot say.

Two advisory locks: 7001 (with the entity's number) is held shared by whoever posts and
exclusively by whoever closes a period, so that no entry slips past a close.
"""

from django.db import migrations

TABLES = """
CREATE TABLE finance_journalentry (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    entity_id bigint NOT NULL REFERENCES finance_entity,
    effective_on date NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    kind varchar(48) NOT NULL CHECK (kind <> ''),
    source_type varchar(32) NOT NULL CHECK (source_type <> ''),
    source_id uuid NOT NULL,
    idempotency_key varchar(120) NOT NULL CHECK (idempotency_key <> ''),
    body_hash bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    description varchar(200) NOT NULL DEFAULT '',
    reverses_id uuid REFERENCES finance_journalentry CHECK (reverses_id <> id),
    CONSTRAINT journal_key_once UNIQUE (entity_id, idempotency_key),
    CONSTRAINT journal_reversed_once UNIQUE (reverses_id)
);
CREATE INDEX journal_by_day ON finance_journalentry (effective_on, id);
CREATE INDEX journal_of_source ON finance_journalentry (source_id, kind);

-- No foreign keys to entries and accounts: posting_guard checks a whole statement at once,
-- which is sound because entries and accounts can neither go away nor change their identity.
CREATE TABLE finance_posting (
    entry_id uuid NOT NULL,
    line_no smallint NOT NULL CHECK (line_no > 0),
    entity_id bigint NOT NULL,
    effective_on date NOT NULL,
    account_id bigint NOT NULL,
    currency varchar(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    functional_amount_minor bigint,
    customer_id bigint,
    document_id uuid,
    PRIMARY KEY (entry_id, line_no)
);
CREATE INDEX posting_of_account
    ON finance_posting (account_id, currency, effective_on, entry_id, line_no)
    INCLUDE (amount_minor);
CREATE INDEX posting_of_customer ON finance_posting (customer_id, entry_id);
"""

DROP_TABLES = "DROP TABLE finance_posting; DROP TABLE finance_journalentry;"

# Every function fixes its search_path: a caller's temporary table of the same name must not
# be taken for the real one.
FUNCTIONS = """
CREATE FUNCTION finance_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '42501', HINT = 'Correct with a new entry.';
END $$;

CREATE FUNCTION finance_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what % % means is fixed', TG_TABLE_NAME, OLD.id USING ERRCODE = '42501';
END $$;

CREATE FUNCTION finance_entry_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    books bigint;
BEGIN
    -- Under a frozen snapshot a close that was committed meanwhile could not be seen.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'entries are posted under read committed only'
            USING ERRCODE = '25001', CONSTRAINT = 'journal_isolation';
    END IF;
    FOR books IN SELECT DISTINCT entity_id FROM new_rows ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(7001, books::int);
    END LOOP;
    IF EXISTS (SELECT FROM new_rows n JOIN finance_entity e ON e.id = n.entity_id
               WHERE n.effective_on <= e.closed_through) THEN
        RAISE EXCEPTION 'the period is closed'
            USING ERRCODE = '23514', CONSTRAINT = 'journal_period_open';
    END IF;
    IF EXISTS (SELECT FROM new_rows
               WHERE xid <> pg_current_xact_id() OR posted_at <> transaction_timestamp()) THEN
        RAISE EXCEPTION 'xid and posted_at are the database''s own'
            USING ERRCODE = '23514', CONSTRAINT = 'journal_not_forged';
    END IF;
    IF EXISTS (SELECT FROM new_rows n
               WHERE NOT EXISTS (SELECT FROM finance_posting p WHERE p.entry_id = n.id)) THEN
        RAISE EXCEPTION 'an entry and its postings are inserted in one statement'
            USING ERRCODE = '23514', CONSTRAINT = 'journal_not_empty';
    END IF;
    IF EXISTS (SELECT FROM new_rows n JOIN finance_journalentry o ON o.id = n.reverses_id
               WHERE o.entity_id <> n.entity_id OR o.reverses_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a reversal takes back an ordinary entry of the same books'
            USING ERRCODE = '23514', CONSTRAINT = 'journal_reversal_makes_sense';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION finance_posting_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- Rows never change and each statement balances by itself, so every entry always does.
    IF EXISTS (SELECT FROM new_rows GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'an entry does not balance'
            USING ERRCODE = '23514', CONSTRAINT = 'posting_balanced';
    END IF;
    IF EXISTS (SELECT FROM new_rows GROUP BY entry_id
               HAVING sum(functional_amount_minor) <> 0
                   OR count(functional_amount_minor) NOT IN (0, count(*))) THEN
        RAISE EXCEPTION 'an entry does not balance in the functional currency'
            USING ERRCODE = '23514', CONSTRAINT = 'posting_functional_balanced';
    END IF;
    -- The transaction that made the entry is the only one that may give it postings.
    IF EXISTS (SELECT FROM (SELECT DISTINCT entry_id, entity_id, effective_on FROM new_rows) n
               LEFT JOIN finance_journalentry e ON e.id = n.entry_id
               WHERE e.xid IS DISTINCT FROM pg_current_xact_id()
                  OR e.entity_id <> n.entity_id OR e.effective_on <> n.effective_on) THEN
        RAISE EXCEPTION 'the entry is missing, sealed, or of another day or entity'
            USING ERRCODE = '23514', CONSTRAINT = 'posting_entry_unsealed';
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT account_id, entity_id, currency FROM new_rows) n
               LEFT JOIN finance_account a ON a.id = n.account_id
               WHERE a.entity_id IS DISTINCT FROM n.entity_id
                  OR a.currency NOT IN ('', n.currency)) THEN
        RAISE EXCEPTION 'the account is missing, of another entity, or of another currency'
            USING ERRCODE = '23503', CONSTRAINT = 'posting_account_fits';
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT e.kind, a.type,
                                   CASE WHEN n.amount_minor > 0 THEN 'debit' ELSE 'credit' END side
                            FROM new_rows n
                            JOIN finance_journalentry e ON e.id = n.entry_id
                            JOIN finance_account a ON a.id = n.account_id) used
               LEFT JOIN finance_postingroute r
                 ON r.kind = used.kind AND r.account_type = used.type AND r.side = used.side
               WHERE r.id IS NULL) THEN
        RAISE EXCEPTION 'this kind of entry may not use such an account on that side'
            USING ERRCODE = '23514', CONSTRAINT = 'posting_route_allowed';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION finance_close_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.closed_through IS NULL OR NEW.closed_through < OLD.closed_through THEN
        RAISE EXCEPTION 'a closed period stays closed'
            USING ERRCODE = '23514', CONSTRAINT = 'entity_close_moves_forward';
    END IF;
    -- Waits for everyone who is posting; those who come later see the close.
    PERFORM pg_advisory_xact_lock(7001, NEW.id::int);
    RETURN NEW;
END $$;
"""

DROP_FUNCTIONS = """
DROP FUNCTION finance_append_only() CASCADE;
DROP FUNCTION finance_frozen() CASCADE;
DROP FUNCTION finance_entry_guard() CASCADE;
DROP FUNCTION finance_posting_guard() CASCADE;
DROP FUNCTION finance_close_guard() CASCADE;
"""

# ENABLE ALWAYS: session_replication_role = replica does not switch them off.
TRIGGERS = """
CREATE TRIGGER entry_guard AFTER INSERT ON finance_journalentry
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION finance_entry_guard();
CREATE TRIGGER posting_guard AFTER INSERT ON finance_posting
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION finance_posting_guard();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON finance_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON finance_posting
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON finance_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON finance_posting
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER frozen BEFORE UPDATE ON finance_account FOR EACH ROW
    WHEN ((OLD.id, OLD.entity_id, OLD.code, OLD.type, OLD.currency)
          IS DISTINCT FROM (NEW.id, NEW.entity_id, NEW.code, NEW.type, NEW.currency))
    EXECUTE FUNCTION finance_frozen();
CREATE TRIGGER no_delete BEFORE DELETE ON finance_account
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON finance_account
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER frozen BEFORE UPDATE ON finance_entity FOR EACH ROW
    WHEN ((OLD.id, OLD.functional_currency) IS DISTINCT FROM (NEW.id, NEW.functional_currency))
    EXECUTE FUNCTION finance_frozen();
CREATE TRIGGER close_guard BEFORE UPDATE ON finance_entity FOR EACH ROW
    WHEN (OLD.closed_through IS DISTINCT FROM NEW.closed_through)
    EXECUTE FUNCTION finance_close_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON finance_entity
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON finance_entity
    FOR EACH STATEMENT EXECUTE FUNCTION finance_append_only();

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT tgrelid::regclass AS on_table, tgname FROM pg_trigger
        WHERE NOT tgisinternal AND tgrelid IN (
            'finance_journalentry'::regclass, 'finance_posting'::regclass,
            'finance_account'::regclass, 'finance_entity'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', made.on_table, made.tgname);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("finance", "0001_initial")]
    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
