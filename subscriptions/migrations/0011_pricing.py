"""Every way of charging and of counting, kept straight by the database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import djmoney.models.fields
import subscriptions.models.money_fields
from decimal import Decimal
from django.db import migrations, models


# A day has a row for each value of the meter's dimensions; the ORM cannot change such a key.
DAY_KEY = """
ALTER TABLE subscriptions_usageday DROP CONSTRAINT subscriptions_usageday_pkey,
    ADD PRIMARY KEY (customer_id, meter_id, day, dimensions);
"""
DAY_KEY_BACK = """
ALTER TABLE subscriptions_usageday DROP CONSTRAINT subscriptions_usageday_pkey,
    ADD PRIMARY KEY (customer_id, meter_id, day);
"""

GUARDS = """
-- A level that is carried over goes down as well as up; ingest knows which meters have one.
ALTER TABLE subscriptions_usageevent DROP CONSTRAINT subscriptions_usageevent_quantity_check;

-- The values of a meter's dimensions in an event, as text: what ingest writes to the roll-ups.
CREATE FUNCTION subscriptions_dimensions(properties jsonb, names varchar[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(name, properties ->> name), '{}')
    FROM unnest(names) AS name WHERE properties ->> name IS NOT NULL
$$;

-- A variant belongs to the version of the price that it is a variant of.
ALTER TABLE subscriptions_price
    ADD CONSTRAINT price_of_version UNIQUE (id, plan_version_id),
    ADD CONSTRAINT price_variant_in_its_version FOREIGN KEY (variant_of_id, plan_version_id)
        REFERENCES subscriptions_price (id, plan_version_id) DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION subscriptions_meter_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.code, OLD.aggregation, OLD.is_carried_over, OLD.unique_property, OLD.amount_property,
        OLD.dimensions, OLD.rounding, OLD.rounding_places)
        IS DISTINCT FROM
       (NEW.code, NEW.aggregation, NEW.is_carried_over, NEW.unique_property, NEW.amount_property,
        NEW.dimensions, NEW.rounding, NEW.rounding_places) THEN
        RAISE EXCEPTION 'what a meter means stays: a new meaning is a new meter'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION subscriptions_threshold_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP <> 'INSERT' AND subscriptions_is_published(OLD.plan_version_id))
        OR (TG_OP <> 'DELETE' AND subscriptions_is_published(NEW.plan_version_id)) THEN
        RAISE EXCEPTION 'the thresholds of a published plan version are frozen'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;

-- Tiers are looked at together, when their version goes on sale.
CREATE FUNCTION subscriptions_tiers_are_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT price.code INTO broken
    FROM subscriptions_price price
    LEFT JOIN LATERAL (
        SELECT count(*) AS steps,
               count(*) FILTER (WHERE up_to IS NULL) AS open_steps,
               count(*) FILTER (WHERE NOT rises) AS falls
        FROM (SELECT up_to, coalesce(coalesce(up_to, 'infinity')
                  > lag(coalesce(up_to, 'infinity')) OVER (ORDER BY position), up_to IS NULL OR up_to > 0)
                  AS rises
              FROM subscriptions_tier WHERE price_id = price.id) AS tier
    ) AS tiers ON true
    WHERE price.plan_version_id = NEW.id AND CASE
        WHEN price.charge_model IN ('graduated', 'graduated_percentage', 'volume', 'stairstep')
        THEN steps = 0 OR open_steps <> 1 OR falls > 0
        ELSE steps > 0 END
    LIMIT 1;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'the tiers of price % are missing, overlap or have no open end', broken
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER meter_stays BEFORE UPDATE ON subscriptions_meter
    FOR EACH ROW EXECUTE FUNCTION subscriptions_meter_stays();
CREATE TRIGGER threshold_frozen BEFORE INSERT OR UPDATE OR DELETE
    ON subscriptions_spendingthreshold
    FOR EACH ROW EXECUTE FUNCTION subscriptions_threshold_frozen();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON subscriptions_spendingthreshold
    FOR EACH STATEMENT EXECUTE FUNCTION subscriptions_refuse('it is kept');
CREATE TRIGGER tiers_are_whole BEFORE UPDATE ON subscriptions_planversion
    FOR EACH ROW WHEN (OLD.published_at IS NULL AND NEW.published_at IS NOT NULL)
    EXECUTE FUNCTION subscriptions_tiers_are_whole();
ALTER TABLE subscriptions_meter ENABLE ALWAYS TRIGGER meter_stays;
ALTER TABLE subscriptions_spendingthreshold ENABLE ALWAYS TRIGGER threshold_frozen;
ALTER TABLE subscriptions_spendingthreshold ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE subscriptions_planversion ENABLE ALWAYS TRIGGER tiers_are_whole;
"""

UNDO = """
DROP TRIGGER tiers_are_whole ON subscriptions_planversion;
DROP TRIGGER never_emptied ON subscriptions_spendingthreshold;
DROP TRIGGER threshold_frozen ON subscriptions_spendingthreshold;
DROP TRIGGER meter_stays ON subscriptions_meter;
DROP FUNCTION subscriptions_tiers_are_whole(), subscriptions_threshold_frozen(),
    subscriptions_meter_stays(), subscriptions_dimensions(jsonb, varchar[]);
ALTER TABLE subscriptions_price DROP CONSTRAINT price_variant_in_its_version,
    DROP CONSTRAINT price_of_version;
ALTER TABLE subscriptions_usageevent
    ADD CONSTRAINT subscriptions_usageevent_quantity_check CHECK (quantity >= 0);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0010_lifecycle'),
    ]

    operations = [
        migrations.CreateModel(
            name='SpendingThreshold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', djmoney.models.fields.CurrencyField(choices=[('AUD', 'Australian Dollar'), ('GBP', 'British Pound'), ('CAD', 'Canadian Dollar'), ('DKK', 'Danish Krone'), ('EUR', 'Euro'), ('JPY', 'Japanese Yen'), ('KWD', 'Kuwaiti Dinar'), ('NOK', 'Norwegian Krone'), ('PLN', 'Polish Zloty'), ('SEK', 'Swedish Krona'), ('CHF', 'Swiss Franc'), ('USD', 'US Dollar')], default='USD', editable=False, max_length=3)),
                ('amount', djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=10, default=subscriptions.models.money_fields.nothing, help_text='usage of the open period, before tax', max_digits=22)),
                ('is_repeating', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['plan_version', 'is_repeating', 'amount'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='price',
            name='price_of_usage_has_a_meter_and_is_in_arrears',
        ),
        migrations.RemoveConstraint(
            model_name='price',
            name='price_is_not_negative',
        ),
        migrations.RemoveConstraint(
            model_name='tier',
            name='tier_is_not_negative',
        ),
        migrations.AddField(
            model_name='meter',
            name='amount_property',
            field=models.CharField(blank=True, help_text='the property with the amount of money of an event', max_length=64),
        ),
        migrations.AddField(
            model_name='meter',
            name='dimensions',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, help_text='properties that prices may tell apart, such as model, region', size=None),
        ),
        migrations.AddField(
            model_name='meter',
            name='is_carried_over',
            field=models.BooleanField(default=False, help_text='the level at the end of a period goes on in the next'),
        ),
        migrations.AddField(
            model_name='meter',
            name='rounding',
            field=models.CharField(choices=[('none', 'Not rounded'), ('up', 'Up'), ('down', 'Down'), ('half', 'Half away from zero')], default='none', max_length=8),
        ),
        migrations.AddField(
            model_name='meter',
            name='rounding_places',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='meter',
            name='unique_property',
            field=models.CharField(blank=True, help_text='the property whose different values are counted', max_length=64),
        ),
        migrations.AddField(
            model_name='planversion',
            name='minimum_amount',
            field=djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=10, default=subscriptions.models.money_fields.nothing, help_text='what a whole period comes to at least, before tax', max_digits=22),
        ),
        migrations.AddField(
            model_name='price',
            name='event_maximum',
            field=models.DecimalField(blank=True, decimal_places=10, help_text='what a percentage of one event comes to at most', max_digits=22, null=True),
        ),
        migrations.AddField(
            model_name='price',
            name='event_minimum',
            field=models.DecimalField(blank=True, decimal_places=10, help_text='what a percentage of one event comes to at least', max_digits=22, null=True),
        ),
        migrations.AddField(
            model_name='price',
            name='included_events',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='price',
            name='is_prorated',
            field=models.BooleanField(default=False, help_text='a level that is carried over counts by the days that it stood'),
        ),
        migrations.AddField(
            model_name='price',
            name='match',
            field=models.JSONField(blank=True, help_text='of a variant: {"region": ["eu", "uk"]}', null=True),
        ),
        migrations.AddField(
            model_name='price',
            name='minimum_amount',
            field=djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=10, default=subscriptions.models.money_fields.nothing, help_text='what a whole period of this price comes to at least', max_digits=22),
        ),
        migrations.AddField(
            model_name='price',
            name='percentage',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=12),
        ),
        migrations.AddField(
            model_name='price',
            name='variant_of',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='variants', to='subscriptions.price'),
        ),
        migrations.AddField(
            model_name='tier',
            name='block_size',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True),
        ),
        migrations.AddField(
            model_name='tier',
            name='percentage',
            field=models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=12),
        ),
        migrations.AddField(
            model_name='usageday',
            name='dimensions',
            field=models.JSONField(default=dict, help_text="of the meter's dimensions, their values"),
        ),
        migrations.AddField(
            model_name='usagedelta',
            name='dimensions',
            field=models.JSONField(default=dict, help_text="of the meter's dimensions, their values"),
        ),
        migrations.AlterField(
            model_name='meter',
            name='aggregation',
            field=models.CharField(choices=[('sum', 'Sum'), ('count', 'Count'), ('max', 'Max'), ('unique', 'Unique'), ('latest', 'Latest'), ('weighted', 'Sum weighted by time')], default='sum', max_length=16),
        ),
        migrations.AlterField(
            model_name='price',
            name='charge_model',
            field=models.CharField(choices=[('flat', 'Flat'), ('per_unit', 'Per Unit'), ('graduated', 'Graduated'), ('volume', 'Volume'), ('stairstep', 'Stairstep'), ('package', 'Package'), ('percentage', 'Percentage'), ('graduated_percentage', 'Graduated Percentage'), ('dynamic', 'Amount on the event')], max_length=24),
        ),
        migrations.AlterField(
            model_name='price',
            name='kind',
            field=models.CharField(choices=[('recurring', 'Recurring'), ('usage', 'Usage'), ('setup', 'Set-up fee')], max_length=16),
        ),
        migrations.AlterField(
            model_name='price',
            name='unit_amount',
            field=djmoney.models.fields.MoneyField(currency_field_name='currency', decimal_places=10, default=subscriptions.models.money_fields.nothing, help_text='per unit, per package, per event of a percentage, or the flat fee; tiers carry their own', max_digits=22),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(DAY_KEY, DAY_KEY_BACK)],
            state_operations=[
                migrations.AlterField(
                    model_name='usageday',
                    name='pk',
                    field=models.CompositePrimaryKey('customer_id', 'meter_id', 'day', 'dimensions', blank=True, editable=False, primary_key=True, serialize=False),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('aggregation', 'unique'), ('unique_property', ''), _connector='XOR'), name='meter_of_unique_names_the_property'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('is_carried_over', False), ('aggregation__in', ['sum', 'unique', 'latest', 'weighted']), _connector='OR'), name='meter_carried_over_has_a_level'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('rounding_places__lte', 10)), name='meter_rounds_to_ten_places'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('minimum_amount__gte', 0)), name='plan_minimum_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'recurring'), ('meter__isnull', True)), models.Q(('kind', 'setup'), ('meter__isnull', True), ('timing', 'advance')), models.Q(('kind', 'usage'), ('meter__isnull', False)), _connector='OR'), name='price_of_usage_has_a_meter'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('included_units__gte', 0), ('minimum_amount__gte', 0), ('percentage__gte', 0), ('unit_amount__gte', 0)), name='price_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('charge_model', 'package'), _negated=True), models.Q(('package_size__gt', 0), ('package_size__isnull', False)), _connector='OR'), name='price_of_a_package_has_a_size'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('charge_model__in', ('percentage',)), models.Q(('event_maximum__isnull', True), ('event_minimum__isnull', True), ('included_events', 0), ('percentage', 0)), _connector='OR'), name='price_of_events_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('event_minimum__isnull', True), ('event_maximum__isnull', True), ('event_maximum__gte', models.F('event_minimum')), _connector='OR'), name='price_event_limits_are_in_order'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'usage'), models.Q(models.Q(('charge_model__in', ('percentage', 'graduated_percentage', 'dynamic')), _negated=True), ('is_prorated', False), ('minimum_amount', 0), ('variant_of__isnull', True)), _connector='OR'), name='price_of_a_fee_knows_no_usage'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('match__isnull', True), ('variant_of__isnull', True)), models.Q(('match__isnull', False), ('minimum_amount', 0), ('variant_of__isnull', False)), _connector='OR'), name='price_variant_has_a_match'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('flat_amount__gte', 0), ('percentage__gte', 0), ('unit_amount__gte', 0)), name='tier_is_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('block_size__isnull', True), ('block_size__gt', 0), _connector='OR'), name='tier_block_is_not_empty'),
        ),
        migrations.AddField(
            model_name='spendingthreshold',
            name='plan_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='thresholds', to='subscriptions.planversion'),
        ),
        migrations.AddConstraint(
            model_name='spendingthreshold',
            constraint=models.UniqueConstraint(fields=('plan_version', 'amount', 'is_repeating'), name='threshold_once'),
        ),
        migrations.AddConstraint(
            model_name='spendingthreshold',
            constraint=models.UniqueConstraint(condition=models.Q(('is_repeating', True)), fields=('plan_version',), name='threshold_repeats_once'),
        ),
        migrations.AddConstraint(
            model_name='spendingthreshold',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='threshold_is_above_zero'),
        ),
        migrations.RunSQL(GUARDS, UNDO),
    ]
