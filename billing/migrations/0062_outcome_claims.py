"""What people say became of attempts whose outcome no gateway tells, seen by two."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0061_late_usage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OutcomeClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('executed', 'The money was taken'), ('not_executed', 'It was not executed')], max_length=16)),
                ('reference', models.CharField(blank=True, help_text="the gateway's name for the charge, if it was made", max_length=255)),
                ('proof', models.CharField(max_length=300)),
                ('reason', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('open', 'Open'), ('agreed', 'Agreed'), ('refused', 'Refused')], default='open', max_length=16)),
                ('claimed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('attempt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outcome_claims', to='billing.paymentattempt')),
                ('claimed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-claimed_at', '-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('attempt',), name='outcome_claim_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'open')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state', 'refused')), models.Q(('decided_at__isnull', False), ('state', 'agreed'), models.Q(('decided_by', models.F('claimed_by')), _negated=True)), _connector='OR'), name='outcome_claim_agreed_by_another'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'refused']), ('decided_by__isnull', False), _connector='OR'), name='outcome_claim_agreed_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'executed'), models.Q(('reference', ''), _negated=True)), models.Q(('reference', ''), ('verdict', 'not_executed')), _connector='OR'), name='outcome_claim_names_the_charge')],
            },
        ),
    ]
