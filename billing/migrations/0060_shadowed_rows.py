"""Functions of a row take a row of whichever table has its columns.

`manage.py simulate` writes to temporary tables of the same names, whose rows are of types of
their own: a function that names the real table's type is not found there.
"""

from django.db import migrations

ANY_ROW = """
DROP FUNCTION billing_event_seal(billing_paymentevent, text);
CREATE FUNCTION billing_event_seal(event record, previous text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN encode(sha256(convert_to(jsonb_build_array(
        previous, event.payment_id, event.attempt_id,
        (extract(epoch FROM event.at) * 1000000)::bigint,
        event.actor, event.event, event.from_state, event.to_state, event.details
    )::text, 'UTF8')), 'hex');
END $$;
DROP FUNCTION billing_method_told(billing_paymentmethod);
CREATE FUNCTION billing_method_told(method record) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('brand', method.brand, 'last4', method.last4,
        'expires_on', method.expires_on, 'country', method.country);
END $$;
"""

ITS_OWN_ROW = """
DROP FUNCTION billing_event_seal(record, text);
CREATE FUNCTION billing_event_seal(event billing_paymentevent, previous text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(jsonb_build_array(
        previous, event.payment_id, event.attempt_id,
        (extract(epoch FROM event.at) * 1000000)::bigint,
        event.actor, event.event, event.from_state, event.to_state, event.details
    )::text, 'UTF8')), 'hex')
$$;
DROP FUNCTION billing_method_told(record);
CREATE FUNCTION billing_method_told(method billing_paymentmethod) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('brand', method.brand, 'last4', method.last4,
        'expires_on', method.expires_on, 'country', method.country)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0059_redrafted_periods")]

    operations = [migrations.RunSQL(ANY_ROW, ITS_OWN_ROW)]
