"""How invoices were numbered, and which number a customer has, is never changed."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER numbering_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_numberingrule
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('what counted stays: add a newer rule');
CREATE TRIGGER customer_number_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_customernumber
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse('a customer keeps its number');
ALTER TABLE billing_numberingrule ENABLE ALWAYS TRIGGER numbering_stays;
ALTER TABLE billing_customernumber ENABLE ALWAYS TRIGGER customer_number_stays;
"""
UNDO = """
DROP TRIGGER numbering_stays ON billing_numberingrule;
DROP TRIGGER customer_number_stays ON billing_customernumber;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0027_numbering")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
