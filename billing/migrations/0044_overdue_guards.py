"""What a campaign says of whole debts stays, and what came of it is kept."""

from django.db import migrations

STAYS = {
    "dunningthreshold": "a campaign stays: make a new version",
    "overduestate": "a campaign stays: make a new version",
    "dunningrequest": "what was asked for stays",
    "overduechange": "in which state a customer was stays",
}
GUARDS = (
    "".join(
        f"""
CREATE TRIGGER dunning_{table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('{words}');
ALTER TABLE billing_{table} ENABLE ALWAYS TRIGGER dunning_{table}_stays;
"""
        for table, words in STAYS.items()
    )
    + "".join(
        f"""
CREATE TRIGGER dunning_{table}_early BEFORE INSERT ON billing_{table}
    FOR EACH ROW EXECUTE FUNCTION billing_dunning_step_early();
ALTER TABLE billing_{table} ENABLE ALWAYS TRIGGER dunning_{table}_early;
"""
        for table in ("dunningthreshold", "overduestate")
    )
    + """
CREATE TRIGGER dunning_blocked_time_stays BEFORE UPDATE ON billing_blockedtime
    FOR EACH ROW WHEN (NEW.subscription_id <> OLD.subscription_id
        OR NEW.blocked_from <> OLD.blocked_from
        OR (OLD.blocked_until IS NOT NULL AND NEW.blocked_until IS DISTINCT FROM OLD.blocked_until)
        OR (OLD.credited_at IS NOT NULL AND NEW.credited_at IS DISTINCT FROM OLD.credited_at))
    EXECUTE FUNCTION billing_refuse('blocked time only gets its end, and is credited once');
CREATE TRIGGER dunning_blocked_time_is_kept BEFORE DELETE OR TRUNCATE ON billing_blockedtime
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('blocked time is kept');
ALTER TABLE billing_blockedtime ENABLE ALWAYS TRIGGER dunning_blocked_time_stays;
ALTER TABLE billing_blockedtime ENABLE ALWAYS TRIGGER dunning_blocked_time_is_kept;
"""
)
UNDO = (
    "".join(f"DROP TRIGGER dunning_{table}_stays ON billing_{table};" for table in STAYS)
    + "DROP TRIGGER dunning_dunningthreshold_early ON billing_dunningthreshold;"
    + "DROP TRIGGER dunning_overduestate_early ON billing_overduestate;"
    + "DROP TRIGGER dunning_blocked_time_stays ON billing_blockedtime;"
    + "DROP TRIGGER dunning_blocked_time_is_kept ON billing_blockedtime;"
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0043_overdue")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
